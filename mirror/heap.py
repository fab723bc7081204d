"""How the C library deals with memory that was freed: by default it hands large pieces back to the system at once.

A download frees a piece of some hundred KiB for each one that comes: given back, the kernel has to clear the same
pages again and again, which costs as much as hashing them.
"""

from __future__ import annotations

import ctypes

_TRIM, _MAP = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_KEPT = 8 * 1024 * 1024  # bytes free at the end of the heap that are not handed back
_LARGE = 4 * 1024 * 1024  # bytes from which a piece is handed back by itself


def keep_freed() -> bool:
    """Have a few MiB kept for what comes next, for the life of the process; False where the library has no such thing.

    Twice is as good as once.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False  # musl
    return bool(mallopt(_MAP, _LARGE)) and bool(mallopt(_TRIM, _KEPT))
