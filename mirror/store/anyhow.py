"""Opens the store for who serves, on a disk that is full, failing or read-only as well.

What an operator has to mend stops it: a directory of somebody else's, of another version, or that he may not write to.
"""

from __future__ import annotations

import logging
from pathlib import Path

from mirror.errors import StoreFailed
from mirror.siblings import Siblings
from mirror.store.databases import Databases
from mirror.store.disk_trouble import is_disk_trouble
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.opening import enter, entered
from mirror.store.sheltered import Sheltered
from mirror.store.store import Store
from mirror.store.tenancy import Tenancy

_log = logging.getLogger(__name__)


async def open_anyhow(
    root: Path, room: Room, durable: bool, siblings: Siblings, filesystem: Filesystem | None = None
) -> Store:
    """The store, for the caller to close; sheltered where the disk is in trouble, and then it takes it up in time.

    Raises StoreBusy; StoreFailed for what does not pass by itself.
    """
    begun = await _enter(root, filesystem or Filesystem(), Tenancy.of(siblings), durable)
    return await Store.of(begun, room, durable, siblings)


async def _enter(root: Path, filesystem: Filesystem, tenancy: Tenancy, durable: bool) -> tuple[Layout, Databases]:
    try:
        return await enter(root, filesystem, tenancy, durable)
    except StoreFailed as error:
        if not is_disk_trouble(error):
            raise
        try:
            sheltered = Sheltered(root, filesystem, tenancy, str(error))
        except OSError:
            raise error from error.__cause__
    begun = await entered(sheltered, durable)
    _log.error("nothing is kept until the disk can be used again, and then it is by itself: %s", sheltered.trouble)
    return begun
