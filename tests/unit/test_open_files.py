"""Clients and fetches share the open files that there are: what is admitted can be served."""

from __future__ import annotations

import pytest

from mirror.open_files import LEAST, Affordable, affordable_with, needed, of_use

OF_A_CLIENT, OF_A_FETCH, MOST = 3, 5, 4096


@pytest.mark.parametrize("files", [LEAST, 200, 256, 1024, 4096, 20_000, 65_536])
@pytest.mark.parametrize("connections", [1, 100, MOST])
def test_clients_and_fetches_together_have_files_enough(files: int, connections: int) -> None:
    found = affordable_with(files, connections)
    taken = found.connections * OF_A_CLIENT + found.under_way * OF_A_FETCH
    assert taken <= files - min(256, files // 2)
    assert 1 <= found.connections <= connections
    assert found.under_way >= min(found.connections, 512), "each of them may want a blob of its own"


def test_a_handful_is_served_with_the_least_of_files() -> None:
    assert affordable_with(LEAST, MOST) == Affordable(8, 8)


@pytest.mark.parametrize("connections", [1, 100, 600, MOST])
def test_as_many_are_held_as_are_told_to_be_needed_files_for(connections: int) -> None:
    assert affordable_with(needed(connections), connections).connections == connections
    assert connections == 1 or affordable_with(needed(connections) - 8, connections).connections < connections


def test_with_more_than_are_of_use_nothing_is_gained() -> None:
    assert affordable_with(of_use(MOST), MOST) == affordable_with(10 * of_use(MOST), MOST) == Affordable(MOST, MOST)
