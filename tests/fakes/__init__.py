"""The fake registry: a real server on real ports that does everything right until a test says what to do wrong."""
