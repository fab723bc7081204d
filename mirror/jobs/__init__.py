"""Pulls that the operator orders instead of a client: by name, from a list, or at times that were set."""
