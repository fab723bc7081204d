"""An upstream with a lent login is closed when nothing is fetched with it any more, and at the end in any case."""

from __future__ import annotations

from pathlib import Path

from mirror.jobs.loans import Loans
from mirror.oci.digest import Digest
from mirror.pull.reader import Reader
from mirror.pull.turns import SOMEBODYS
from mirror.pull.upstreams import Target
from tests.support.faults import Fault, Gate
from tests.support.orders import ALICE, APP, Ordered, ordered

INSECURE = {"upstreams": {"docker.io": {"insecure": True}}}
LARGE = bytes(range(256)) * 1200


def loans_of(ours: Ordered) -> Loans:
    return Loans(ours.mirror.mirror._making.lent, ours.mirror.mirror.pulls.fetches)


async def fetching(ours: Ordered, loans: Loans) -> tuple[Target, Digest, Reader, Gate]:
    """An upstream that is lent to a job, and a reader of what is fetched with it, up to the gate."""
    layer, gate = ours.registry.push_blob(APP, LARGE), Gate()
    ours.registry.fail(Fault(gate=gate), "GET", str(layer))
    lent = Target(loans.lend(ours.target.upstream, ALICE, "job"), APP)
    reader, _ = ours.mirror.mirror.pulls.fetches.join(lent, layer, SOMEBODYS)
    await gate.arrived.wait()
    return lent, layer, reader, gate


async def test_one_that_fetches_nothing_is_closed_at_once(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        loans = loans_of(ours)
        loans.give_back(loans.lend(ours.target.upstream, ALICE, "job"))
        assert len(loans) == 1
        await loans.settled()
        assert len(loans) == 0
        await loans.aclose()


async def test_what_it_has_begun_to_fetch_comes_to_its_end(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        loans = loans_of(ours)
        lent, layer, reader, gate = await fetching(ours, loans)
        loans.give_back(lent.upstream)
        gate.open()
        assert await reader.whole() == len(LARGE)
        reader.close()
        await loans.settled()
        assert len(loans) == 0
        assert ours.mirror.mirror.store.blobs.knows(layer)


async def test_the_end_closes_all_of_them_whatever_they_do(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        loans = loans_of(ours)
        lent, _, reader, gate = await fetching(ours, loans)
        loans.lend(ours.target.upstream, ALICE, "another")
        loans.give_back(lent.upstream)
        await loans.aclose()
        assert len(loans) == 0
        gate.open()
        reader.close()
