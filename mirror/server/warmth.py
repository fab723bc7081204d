"""Whether bytes of a file are in memory, and a way to get them there that holds nobody up: a disk may take its time.

What is sent or read on the event loop is to be warm before. Only a guess is made of it: at worst one turn is slow.
"""

from __future__ import annotations

import os

from aiofiles.os import wrap

_byte = bytearray(1)
_nowhere = bytearray(256 * 1024)  # what is read into it is of no interest, so that all threads may share it


def is_warm(descriptor: int, stop: int) -> bool:
    """Whether the byte before `stop` can be read without the disk, and so those before it: disks are read ahead.

    True, too, where the system cannot tell, and for a byte that is not there.
    """
    try:
        os.preadv(descriptor, (_byte,), stop - 1, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system that does not know the question; or a fault, which the next reading tells
    return True


async def warm(descriptor: int, start: int, stop: int) -> None:
    """Have these bytes read, in a thread. Raises OSError when they cannot be. May be cancelled."""
    await _read_away(descriptor, start, stop)


@wrap
def _read_away(descriptor: int, start: int, stop: int) -> None:
    while start < stop:
        count = os.preadv(descriptor, (memoryview(_nowhere)[: stop - start],), start)
        if not count:
            return
        start += count
