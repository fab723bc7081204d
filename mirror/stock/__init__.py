"""What the cache holds, image by image, and what the operator does with it. Asks no upstream, and knows no HTTP."""
