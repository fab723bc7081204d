"""A run's first and last steps with the cache directory: claimed, taken over from the last run, and left tidily.

Of several processes the first one takes it over, and the last one to go says that it was left tidily.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from mirror.errors import StoreBusy, StoreFailed
from mirror.store.databases import LOSSES, Databases
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.recovery import FAST, SAFE, make_again, take_over
from mirror.store.tenancy import Tenancy

_PATIENCE = 10.0  # seconds in which whoever began has the directory to himself
_LOOK = 0.05  # seconds between two looks

_log = logging.getLogger(__name__)


async def claim(root: Path, filesystem: Filesystem, tenancy: Tenancy) -> Layout:
    """The directory, for the caller to close. Raises StoreBusy, StoreFailed. May be cancelled."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return Layout(root, filesystem, tenancy)
        except StoreBusy:
            if tenancy.begins or time.monotonic() > until:
                raise
        await asyncio.sleep(_LOOK)


async def enter(root: Path, filesystem: Filesystem, tenancy: Tenancy, durable: bool) -> tuple[Layout, Databases]:
    """The directory with its databases, begun, for the caller to close. Raises StoreBusy, StoreFailed."""
    return await entered(await claim(root, filesystem, tenancy), durable)


async def begin(layout: Layout, databases: Databases, durable: bool) -> None:
    """Act upon how the last run ended, note that this one has begun, and let the other processes in.

    Raises OSError, DatabaseError, StoreBusy.
    """
    if layout.tenancy.begins or layout.is_apart:
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        await databases.on_thread(lambda index, _: take_over(layout, index, booted))
    layout.begin(SAFE if durable else FAST)
    if layout.tenancy.begins:
        try:
            await databases.on_thread(make_again)
        except LOSSES as error:
            _log.warning("what the databases knew could not be brought together: %s", error)
    layout.admit()


async def entered(layout: Layout, durable: bool) -> tuple[Layout, Databases]:
    """The same with a directory that has been claimed. When it raises, it has closed that."""
    try:
        databases = Databases(layout)
    except BaseException:
        layout.close()
        raise
    try:
        await begin(layout, databases, durable)
    except BaseException as error:
        try:
            await databases.aclose()
        finally:
            await asyncio.to_thread(finish, layout, None)
        if isinstance(error, LOSSES):
            raise StoreFailed(f"the cache directory {layout.root} cannot be used: {error}") from error
        raise
    return layout, databases


def finish(layout: Layout, durable: bool | None) -> None:
    """Note that everything has been written, and close the directory. Blocks. None: this run has not even begun.

    What fails is as good as an end that was not tidy.
    """
    try:
        with contextlib.suppress(OSError):
            if durable is not None and layout.is_last():
                if not durable:
                    layout.sync_all()  # what no commit has synced, so that the next run may trust it
                layout.end()
    finally:
        layout.close()
