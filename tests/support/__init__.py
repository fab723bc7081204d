"""Servers and content that the tests of every ring share. Nothing here knows the mirror's insides but `Digest`."""
