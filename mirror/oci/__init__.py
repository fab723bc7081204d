"""The specification's words as values: pure functions and frozen types. Knows no disk, no socket and no clock.

Every parser here is total: it returns a value or raises `mirror.errors.Malformed`, whatever it is given.
"""
