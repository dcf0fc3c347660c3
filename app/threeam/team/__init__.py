"""Teams on many hosts: the own lines go out, and mirrors of the others' bytes come in. It has no writer."""
