"""What the operator has written: read, checked, and made values. Nothing here dials a host or opens the cache."""
