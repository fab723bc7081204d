"""The commands that do more than start the mirror, a file for each. Each is imported only when it is called."""
