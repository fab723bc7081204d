"""What tests of more than one file of the store have around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mirror.store.databases import Databases
from mirror.store.index import GATHERED, Index
from tests.support.caches import layout_at
from tests.support.stocked import Stocked


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[Databases]:
    """Catalog and index of an empty cache."""
    with layout_at(tmp_path) as layout:
        opened = Databases(layout)
        yield opened
        await opened.aclose()


@pytest.fixture
def stocked(tmp_path: Path) -> Iterator[Stocked]:
    """An index without images."""
    index = Index(tmp_path)
    yield Stocked(index)
    index.close()


@pytest.fixture
def gathered(stocked: Stocked) -> None:
    """`stocked` has noted all images there are, and what they need."""
    stocked.index.set_stage(GATHERED)
