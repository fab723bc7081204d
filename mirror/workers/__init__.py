"""Several processes that serve one cache directory on the same ports, and the small one that looks after them."""
