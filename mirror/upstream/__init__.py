"""One registry behind us: its endpoints, what it wants to see, and what may be believed of its answers.

Knows no disk and no client of ours.
"""
