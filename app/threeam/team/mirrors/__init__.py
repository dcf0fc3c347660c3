"""The journals of other hosts, as files on this one and as sources."""
