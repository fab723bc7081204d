"""Lets a thread read from the disk only when nobody else does, where the system can do that."""

from __future__ import annotations

import ctypes
import platform

# The system calls have a number for each kind of processor, and no name in the C library (ioprio_set(2)).
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "loongarch64": 30, "ppc64le": 273, "s390x": 282}
_THIS_THREAD = (1, 0)  # IOPRIO_WHO_PROCESS, the caller
_IDLE = 3 << 13  # IOPRIO_CLASS_IDLE


def read_at_leisure() -> bool:
    """Give the calling thread the idle class of I/O; whether it has it now.

    Not a lower priority for the processor as well: this thread may hold the interpreter's lock, and all would wait.
    """
    number = _IOPRIO_SET.get(platform.machine())
    return number is not None and bool(ctypes.CDLL(None).syscall(number, *_THIS_THREAD, _IDLE) == 0)
