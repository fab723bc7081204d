"""Room is made by order of the operator, or it is told what would go."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.admin.gc import PATH, gc_routes
from mirror.stock.collecting import Collecting
from tests.support.caches import blob, published, store_at
from tests.support.operator import operating


async def test_what_would_go_is_told_and_what_is_ordered_goes(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store, operating(gc_routes(Collecting(store))) as operator:
        await store.put(*blob(1))
        await store.put(*blob(2))
        said = await operator.post(PATH, {"dry_run": True, "target": 100})
        assert (said.status, said.document["bytes"], said.document["dry_run"]) == (200, 100, True)
        assert len(published(tmp_path)) == 2
        said = await operator.post(PATH, {"target": 100})
        assert (said.status, said.document["bytes"], said.document["dry_run"]) == (200, 100, False)
        assert len(published(tmp_path)) == 1
        said = await operator.post(PATH)
        assert (said.status, said.document["bytes"]) == (200, 0)


@pytest.mark.parametrize(
    "document",
    [{"target": -1}, {"target": "1GiB"}, {"target": True}, {"target": 1 << 62}, {"dry_run": 1}, {"dryrun": True}],
)
async def test_what_is_not_understood_removes_nothing(tmp_path: Path, document: object) -> None:
    async with store_at(tmp_path) as store, operating(gc_routes(Collecting(store))) as operator:
        await store.put(*blob(1))
        assert (await operator.post(PATH, document)).status == 400
        assert len(published(tmp_path)) == 1
