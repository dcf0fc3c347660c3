"""What the operating system is asked for: folders, disks, signals."""
