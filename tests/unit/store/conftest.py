"""What tests of more than one file of the store have around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mirror.store.databases import Databases
from tests.support.caches import layout_at


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[Databases]:
    """Catalog and index of an empty cache."""
    with layout_at(tmp_path) as layout:
        opened = Databases(layout)
        yield opened
        await opened.aclose()
