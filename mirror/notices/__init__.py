"""Who is told when a tag moves, and how: web hooks. Knows the journal's moves, and no client."""
