"""Content on disk. Knows digests and facts, but no registry, no HTTP and no configuration."""
