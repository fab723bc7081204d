"""How many mutants of the files that decide their own tests catch (F27): `make mutants`. Needs mutmut on PYTHONPATH.

A mutant is the code with one small change: a bound moved by one, a condition turned round, an argument left out. One
that no test notices is a rule that nobody holds, a word of a message, or a change that changes nothing: somebody has to
look at it to tell.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.measured import Row, note

PROJECT = Path(__file__).parents[2]
LEAST = 85  # of a hundred
_COPIED = ("mirror", "tests", "docs", "mirror.yml", "README.md", "pyproject.toml")
_ENVIRONMENT = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # each mutant begins a run, and most are short
_SURVIVED, _NO_TESTS = 0, 33  # what mutmut notes; all else is a test that failed, or that took far too long


@dataclass(frozen=True, slots=True)
class Held:
    """A file below `mirror`, held by the unit tests that bear its name, and by `tests` below `tests`."""

    file: str
    tests: tuple[str, ...] = ()

    def selection(self) -> list[str]:
        """The test files, below the project."""
        named = PROJECT.glob(f"tests/unit/{self.file.replace('/', '/test_')}*.py")
        return [*sorted(str(path.relative_to(PROJECT)) for path in named), *(f"tests/{test}" for test in self.tests)]


_STORED = ("contracts/test_store.py", "contracts/test_store_reading.py")
_TOKENS = tuple(f"unit/upstream/test_{name}.py" for name in ("tokens", "token_identity", "token_renewal"))
_LOGINS = tuple(f"unit/upstream/test_endpoint_{name}.py" for name in ("credentials", "elsewhere"))

GROUPS = {
    "store, verification, login and egress": (
        Held("store/ingest", _STORED),
        Held("store/blobs", _STORED),
        Held("store/publishing", _STORED),
        Held("store/file_check"),
        Held("oci/digest"),
        Held("oci/challenge"),
        Held("upstream/auth", _LOGINS),
        Held("upstream/realms"),
        Held("upstream/redirects"),
        Held("upstream/origins"),
        Held("upstream/token_answers", _TOKENS),
        Held("upstream/token_requests", _TOKENS),
        Held("upstream/egress"),
        Held("upstream/resolver"),
    ),
    "eviction, bundles and lent logins": (
        Held("store/choice"),
        Held("store/choosing"),
        Held("store/release"),
        Held("store/removal"),
        Held("store/pins"),
        Held("bundles/seal"),
        Held("bundles/receiving"),
        Held("bundles/tar_reader"),
        Held("jobs/borrowed"),
        Held("jobs/loans"),
    ),
}


def copied(held: Held, to: Path) -> None:
    """The tree, as far as the tests need it, with mutmut told what to change and by what that is to be noticed."""
    for name in _COPIED:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(PROJECT / name, to / name)
    told = {
        "source_paths": ["mirror"],
        "only_mutate": [f"mirror/{held.file}.py"],
        "also_copy": [name for name in _COPIED if name != "mirror"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout"],
        "pytest_add_cli_args_test_selection": held.selection(),
    }
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in told.items()]
    with (to / "pyproject.toml").open("a") as file:
        file.writelines(["\n[tool.mutmut]\n", *lines])


def outcomes(tree: Path, file: str) -> Mapping[str, int]:
    """What became of each mutant of this file, by its name. Raises ValueError if not all of them were tried."""
    noted = json.loads((tree / "mutants/mirror" / f"{file}.py.meta").read_text())["exit_code_by_key"]
    found = {name: code for name, code in noted.items() if isinstance(code, int)}
    if len(found) < len(noted):
        raise ValueError(f"{len(noted) - len(found)} mutants of {file} were not tried")
    return found


def changes(tree: Path, file: str, names: Iterable[str]) -> Iterator[str]:
    """What each of these mutants of one file has changed: its name, and the lines that differ."""
    parsed = ast.parse((tree / "mutants/mirror" / f"{file}.py").read_text())
    functions = [one for one in ast.walk(parsed) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = {one.name: ast.unparse(one).replace(one.name, "_").splitlines() for one in functions}
    for name in names:
        function = name.rpartition(".")[2]
        original = f"{function.partition('__mutmut_')[0]}__mutmut_orig"
        changed = [*difflib.unified_diff(lines[original], lines[function], lineterm="", n=0)][2:]
        yield "\n    ".join([name, *(line for line in changed if not line.startswith("@@"))])


def tried(held: Held) -> tuple[int, int]:
    """How many mutants of a file are caught, of how many that its tests reach. Prints that, and what survived."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = Path(directory)
        copied(held, tree)
        log = tree / "mutmut.log"
        with log.open("w") as file:
            command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1"]
            if subprocess.run(command, cwd=tree, env=_ENVIRONMENT, stdout=file, stderr=file, check=False).returncode:
                raise SystemExit(log.read_text()[-5000:])
        codes = outcomes(tree, held.file)
        survived = [mutant for mutant, code in codes.items() if code == _SURVIVED]
        reached = len(codes) - [*codes.values()].count(_NO_TESTS)
        caught = reached - len(survived)
        print(f"{held.file}: {caught} of {reached}, and {len(codes) - reached} that no test reaches")
        for change in changes(tree, held.file, survived):
            print(f"  {change}", flush=True)
    return caught, reached


def main() -> int:
    """0 if enough were caught, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="only files in whose names one of these occurs, such as store/blobs")
    words = parser.parse_args().words or [""]
    is_enough = True
    for what, files in GROUPS.items():
        counts = [tried(held) for held in files if any(word in held.file for word in words)]
        if counts:
            caught, reached = map(sum, zip(*counts, strict=True))
            share = f"{caught} of {reached}: {100 * caught / reached:.1f} %"
            print(f"{what}: {share}")
            note(Row("F27", f"mutants caught: {what}", f"{LEAST} %", share))
            is_enough = is_enough and caught * 100 >= LEAST * reached
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
