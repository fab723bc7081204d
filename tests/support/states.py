"""A directory tree as a value, and what a power failure may leave of it: as in ALICE (Pillai et al., OSDI 2014).

Every state is one that a POSIX file system may leave: bytes and names that no sync has covered are there or not, each
for itself. Nothing that a sync has covered is missing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

_LONG_AGO = 10 * 365 * 86400 * 10**9  # nanoseconds: what was there is older than the start of the system


@dataclass(frozen=True, slots=True)
class Content:
    """One file, whatever its names. `synced`: its bytes at the last sync; None: they are all safe."""

    data: bytes
    mtime_ns: int
    synced: bytes | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Names below the root with the inode of each, and what the inodes hold.

    `added`, `removed`: names that no sync of their directory has made final, the latter with the inode that they had.
    """

    directories: frozenset[str]
    names: Mapping[str, int]
    contents: Mapping[int, Content]
    added: frozenset[str] = frozenset()
    removed: Mapping[str, int] = field(default_factory=dict)
    safe: frozenset[str] = frozenset()  # blobs of which somebody was told that they are kept
    age: int = 0  # nanoseconds that have gone by before it is made

    def write(self, root: Path) -> None:
        """Make it. Files look to the index like those that it has noted, although their inodes are others."""
        root.mkdir(mode=0o700)
        for name in sorted(self.directories):
            (root / name).mkdir(mode=0o700)
        made: dict[int, Path] = {}
        for name, inode in sorted(self.names.items()):
            path = root / name
            if inode in made:
                os.link(made[inode], path)
                continue
            path.write_bytes(self.contents[inode].data)
            path.chmod(0o600)
            os.utime(path, ns=(0, self.contents[inode].mtime_ns - self.age))
            made[inode] = path
        files = {(inode, self.contents[inode].mtime_ns): path.stat() for inode, path in made.items()}
        _renumber(root / "index" / "index.db", files)


def taken(root: Path) -> State:
    """The tree as it is, all of it safe."""
    directories, names, contents = set(), {}, {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_dir():
            directories.add(name)
            continue
        status = path.stat()
        names[name] = status.st_ino
        if status.st_ino not in contents:
            contents[status.st_ino] = Content(path.read_bytes(), status.st_mtime_ns)
    return State(frozenset(directories), names, contents)


def after_power_failure(state: State) -> Iterator[tuple[str, State]]:
    """What may be left of it, each with a name; equal ones once."""
    seen = []
    state = replace(state, age=_LONG_AGO)
    for (data, lose), (entries, alter) in product(_DATA.items(), _ENTRIES.items()):
        left = alter(lose(state))
        if left not in seen:
            seen.append(left)
            yield f"{data}, {entries}", left


def _all(state: State) -> State:
    return state


def _each(change: Callable[[bytes, bytes], bytes]) -> Callable[[State], State]:
    """Let something become of the bytes of each file that are not synced."""

    def lose(state: State) -> State:
        contents = {
            inode: one if one.synced is None else replace(one, data=change(one.data, one.synced), synced=None)
            for inode, one in state.contents.items()
        }
        return replace(state, contents=contents)

    return lose


def _zeros(data: bytes, synced: bytes) -> bytes:
    return synced[: len(data)] + bytes(max(len(data) - len(synced), 0))


def _without_new_names(state: State) -> State:
    gone = {name for name in state.directories | set(state.names) if _is_within(name, state.added)}
    names = {name: inode for name, inode in state.names.items() if name not in gone}
    return replace(state, directories=state.directories - gone, names=names)


def _with_old_names(state: State) -> State:
    """What was removed is back, where nothing else has its name, and with it the directory that it was in."""
    places = {os.path.dirname(name) for name in state.removed} - {""}
    return replace(state, directories=state.directories | places, names={**state.removed, **state.names})


def _is_within(name: str, places: frozenset[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


_DATA = {
    "all bytes": _each(lambda data, synced: data),
    "zeros": _each(_zeros),
    "synced bytes": _each(lambda data, synced: synced),
    "half of the bytes": _each(lambda data, synced: data[: (len(data) + len(synced)) // 2]),
}
_ENTRIES: dict[str, Callable[[State], State]] = {
    "all names": _all,
    "no new names": _without_new_names,
    "old names": _with_old_names,
    "old names, no new ones": lambda state: _with_old_names(_without_new_names(state)),
}


def _renumber(database: Path, files: Mapping[tuple[int, int], os.stat_result]) -> None:
    """Let the index have noted the files by what they are now, where it had noted them as they were."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            rows = connection.execute("SELECT digest, inode, mtime_ns FROM blobs WHERE inode IS NOT NULL").fetchall()
            for digest, inode, mtime_ns in rows:
                if (now := files.get((inode, mtime_ns))) is not None:
                    values = (now.st_ino, now.st_mtime_ns, digest)
                    connection.execute("UPDATE blobs SET inode = ?, mtime_ns = ? WHERE digest = ?", values)
    except sqlite3.Error:
        return  # it is not whole yet, and nothing that it says will be believed
