"""The decisions: what is answered from the store, what is asked upstream, and by whom. Knows no HTTP server."""
