"""The layout is the architecture: who may import whom, which library lives where, and that everything has its test."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mirror"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# What each ring may import of the others. Besides, every ring but `oci` may import what belongs to none: the modules at
# the root, `config` and `log`.
RINGS = {
    "oci": set(),
    "store": {"oci"},
    "upstream": {"oci"},
    "pull": {"oci", "store", "upstream"},
    "server": {"oci", "pull"},
    "jobs": {"oci", "store", "pull"},
    "rehearsal": {"oci", "store", "pull", "jobs", "stock"},
    "admin": {"oci", "pull", "jobs", "bundles", "stock", "rehearsal"},
    "bundles": {"oci", "store"},
    "stock": {"oci", "store"},
    "doctor": {"oci", "upstream"},
    "notices": {"oci", "store", "upstream"},
}
COMPOSITION = {"mirror/server/app.py", "mirror/server/measuring.py"}  # what makes everything may know everything
OCI_MAY_KNOW = {"mirror.errors"}
STORE_MAY_NOT_KNOW = {"mirror.config.settings"}  # it is told numbers and paths

# A library that somebody might want to exchange one day lives in one place.
HOMES = {
    "diskcache": {"mirror/store/text_cache.py"},
    "sqlite3": {"mirror/store/index.py", "mirror/store/soundness.py", "mirror/store/database_copy.py"},
    "yaml": {"mirror/config/loading.py"},
    "cronsim": {"mirror/config/images.py"},
    "prometheus_client": {"mirror/metrics.py", "mirror/collectors.py", "mirror/figures.py"},
    "aiohttp": {"mirror/upstream/", "mirror/server/", "mirror/admin/", "mirror/notices/"},
    "aiohttp.web": {"mirror/server/", "mirror/admin/"},
    "publicsuffixlist": {"mirror/upstream/"},
    "pydantic": {"mirror/config/"},
    "structlog": {
        "mirror/log/",
        "mirror/server/",
        "mirror/upstream/",
        "mirror/workers/",
        "mirror/cli.py",
        "mirror/notify.py",
    },
    "click": {"mirror/cli.py", "mirror/commands/"},
}
LARGEST = 250  # lines: a longer file holds two ideas
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
UNTESTED = {"__init__", "__main__"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def ring_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_ring_imports_only_what_lies_within_it(path: Path) -> None:
    ring = ring_of(path)
    if ring not in RINGS or name_of(path) in COMPOSITION:
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] != "mirror" or len(parts) < 2:
            continue
        if parts[1] in RINGS:
            assert parts[1] == ring or parts[1] in RINGS[ring], f"{name_of(path)} imports {module}"
        elif ring == "oci":
            assert ".".join(parts[:2]) in OCI_MAY_KNOW, f"{name_of(path)} imports {module}"
        elif ring == "store":
            assert ".".join(parts[:2]) not in STORE_MAY_NOT_KNOW, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", [path for path in SOURCES if ring_of(path) not in RINGS], ids=name_of)
def test_what_belongs_to_no_ring_knows_none(path: Path) -> None:
    if path.name in ("cli.py", "__main__.py") or ring_of(path) == "commands":
        return
    for module in imports(path):
        parts = module.split(".")
        assert parts[0] != "mirror" or len(parts) < 2 or parts[1] not in RINGS, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_library_lives_in_its_home(path: Path) -> None:
    name = name_of(path)
    for module in imports(path):
        for library, homes in HOMES.items():
            if module == library or module.startswith(f"{library}."):
                assert any(name == home or (home.endswith("/") and name.startswith(home)) for home in homes), (
                    f"{name} imports {module}"
                )


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parts[-2] == "oci"], ids=name_of)
def test_the_oci_ring_is_pure(path: Path) -> None:
    for module in imports(path):
        top = module.split(".")[0]
        assert top == "mirror" or top in sys.stdlib_module_names, f"{name_of(path)} imports {module}"
        assert top not in {"asyncio", "os", "pathlib", "socket", "threading", "time"}, (
            f"{name_of(path)} imports {module}"
        )


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_holds_one_idea(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LARGEST
    assert path.stem not in NO_NAMES
    assert ast.get_docstring(ast.parse(text)), "a module opens with what it is for"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.stem not in UNTESTED], ids=name_of)
def test_every_source_file_has_its_test(path: Path) -> None:
    inside = path.relative_to(PACKAGE)
    expected = ROOT / "tests" / "unit" / inside.parent / f"test_{inside.stem}.py"
    assert expected.exists(), f"{expected.relative_to(ROOT)} is missing"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_tasks_begin_in_one_place(path: Path) -> None:
    if path.name == "tasks.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"create_task", "ensure_future"}, f"{name_of(path)}:{node.lineno} starts a task"


def test_everything_is_caught_in_one_place() -> None:
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception":
                found.append(name_of(path))
            assert not isinstance(node, ast.ExceptHandler) or node.type is not None, f"{name_of(path)} catches all"
    assert found == ["mirror/server/dispatch.py"]
