"""System calls and their rules: folders, disks, signals, and what differs between systems."""
