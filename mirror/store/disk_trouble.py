"""Whether it is the disk that refuses, full, failing or read-only: that passes, and is no reason to serve nobody.

A wrong path, a directory of somebody else's and missing rights are none: those are for the operator to mend.
"""

from __future__ import annotations

import errno

from mirror.store.index import DatabaseError
from mirror.store.soundness import is_refused

_TROUBLES = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.EUCLEAN,  # how ext4 and XFS say that their own structures are broken
        errno.ENODEV,
        errno.ENXIO,
        errno.ESTALE,  # a file system of the network, as the next three
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
    }
)


def is_disk_trouble(error: BaseException | None) -> bool:
    """Whether this, or what it was raised from, is such a refusal."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _TROUBLES:
            return True
        if isinstance(error, DatabaseError) and is_refused(error):
            return True
        error = error.__cause__
    return False
