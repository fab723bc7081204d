"""What operators write, checked word by word: paths, patterns, names, secrets. Knows no key of the configuration.

Every function returns the value to keep or raises ValueError, with a message that does not repeat the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mirror.config.quantities import Share
from mirror.config.registries import ALIASES

_REPOSITORY_PATTERN = re.compile(r"[a-z0-9._/*?\[\]!-]{1,255}", re.ASCII)
_TAG_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,128}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
MOST_WORKERS = 64

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def several(value: object) -> object:
    """One value alone stands for a list of it."""
    return value if isinstance(value, (list, tuple)) else (value,)


def no_boolean(value: object) -> object:
    """`true` is no number, although it is one to Python."""
    if isinstance(value, bool):
        raise ValueError("not a whole number")
    return value


def each_once(value: object) -> object:
    """Names that differ in their case alone are one name."""
    if isinstance(value, Mapping):
        names = [str(name).lower() for name in value]
        if len(set(names)) < len(names):
            raise ValueError("the same name is there twice, in upper and lower case")
    return value


def path(value: object) -> object:
    """Never the current directory by mistake, which is what an empty path means to the system."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str):
        raise ValueError("not a path")
    if not value or _CONTROL.search(value):
        raise ValueError("not a path: it is empty or holds control characters")
    return value


def repository_pattern(value: str) -> str:
    """A shell pattern that some repository could match."""
    if _REPOSITORY_PATTERN.fullmatch(value) is None:
        raise ValueError("not a pattern of repositories: lower-case letters, digits, . _ - / and * ? [ ]")
    return value


def tag_pattern(value: str) -> str:
    """A shell pattern that some tag could match."""
    if _TAG_PATTERN.fullmatch(value) is None:
        raise ValueError("not a pattern of tags: letters, digits, . _ - and * ? [ ]")
    return value


def user_name(value: str) -> str:
    """Basic authentication ends the name at the first colon (RFC 7617, section 2)."""
    if not value or ":" in value or _CONTROL.search(value):
        raise ValueError("not a user name: it is empty or holds a colon or control characters")
    return value


def password(value: str) -> str:
    """RFC 7617, section 2: no control characters."""
    if not value or _CONTROL.search(value):
        raise ValueError("not a password: it is empty or holds control characters")
    return value


def variable_name(value: str) -> str:
    """The name of an environment variable."""
    if _VARIABLE.fullmatch(value) is None:
        raise ValueError("not the name of an environment variable")
    return value


def program_name(value: str) -> str:
    """The end of `docker-credential-<name>`: found on the PATH, and never a path itself."""
    if _PROGRAM.fullmatch(value) is None:
        raise ValueError("not the name of a credential helper: letters, digits, . _ and -")
    return value


def command(value: tuple[str, ...]) -> tuple[str, ...]:
    """A program and its arguments, started without a shell: no argument is split, and none is expanded."""
    if any(_CONTROL.search(word) for word in value):
        raise ValueError("holds control characters")
    program = value[0] if value else "/"
    if len(value) == 1 and " " in program:
        raise ValueError("is one word with spaces: write the program and each argument as items of a list")
    if not program or program.startswith(("-", "~")) or ("/" in program and not program.startswith("/")):
        raise ValueError("begins with no program: give a name that is found on the PATH, or a path from / on")
    return value


def no_alias(registry: str) -> str:
    """Docker Hub is configured under one name, although clients know it by several."""
    if registry in ALIASES:
        raise ValueError(f"is another name of {ALIASES[registry]}: configure that one")
    return registry


def more_than_nothing(value: Share) -> Share:
    """A cache of no size could never keep what it fetches."""
    if value.of(1 << 40) <= 0:
        raise ValueError("must be more than nothing")
    return value


def less_than_everything(value: Share) -> Share:
    """What stays free of the whole file system leaves no room for a cache."""
    if value.percent is not None and value.percent >= 100:
        raise ValueError("must be less than everything, or nothing is kept")
    return value


def workers(value: object) -> object:
    """So many processes, or `auto` for as many as there are processors."""
    if isinstance(value, str):
        value = value.strip().lower()
        value = int(value) if re.fullmatch("[0-9]{1,3}", value, re.ASCII) else value
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_WORKERS):
        return value
    raise ValueError(f"not a number of processes: 1 to {MOST_WORKERS}, or auto")
