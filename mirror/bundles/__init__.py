"""Images on their way between mirrors that cannot reach each other: written, read and verified. Asks no upstream."""
