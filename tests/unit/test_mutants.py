"""What counts mutants knows the files that decide, and what became of each mutant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.mutants import GROUPS, PROJECT, Held, changes, outcomes

FILES = [held for files in GROUPS.values() for held in files]
MUTATED = """
class Bound:
    def xǁBoundǁholds__mutmut_orig(self, size):
        return size < 3

    def xǁBoundǁholds__mutmut_1(self, size):
        return size <= 3
"""


@pytest.mark.parametrize("held", FILES, ids=[held.file for held in FILES])
def test_every_file_that_decides_is_there_and_so_are_its_tests(held: Held) -> None:
    assert (PROJECT / f"mirror/{held.file}.py").is_file()
    assert f"tests/unit/{held.file.replace('/', '/test_')}.py" in held.selection()
    assert all((PROJECT / path).is_file() for path in held.selection())


def _noted(tree: Path, codes: dict[str, int | None]) -> None:
    place = tree / "mutants/mirror/store"
    place.mkdir(parents=True)
    (place / "bound.py").write_text(MUTATED)
    (place / "bound.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))


def test_a_mutant_is_shown_by_what_it_changes(tmp_path: Path) -> None:
    name = "mirror.store.bound.xǁBoundǁholds__mutmut_1"
    _noted(tmp_path, {name: 0})
    assert outcomes(tmp_path, "store/bound") == {name: 0}
    (change,) = changes(tmp_path, "store/bound", [name])
    assert [line.strip() for line in change.splitlines()] == [name, "-    return size < 3", "+    return size <= 3"]


def test_mutants_that_were_not_tried_are_no_result(tmp_path: Path) -> None:
    _noted(tmp_path, {"one": 1, "other": None})
    with pytest.raises(ValueError, match="1 mutants of store/bound were not tried"):
        outcomes(tmp_path, "store/bound")
