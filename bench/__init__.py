"""Measures the mirror as a process, by the CPU that it uses for a unit of work. Not a test: figures vary by machine."""
