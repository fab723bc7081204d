"""What somebody has found who looked through a cache directory, in words, and how it is mended. Looks for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class Severity(Enum):
    """`NOTE`: as it may be, and the mirror deals with it. `PROBLEM`: as it must not be."""

    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`name`: the file or directory, below the cache directory. `mend` does away with it; it raises OSError."""

    kind: str
    name: str
    words: str
    severity: Severity = Severity.PROBLEM
    mend: Callable[[], object] | None = field(default=None, compare=False)
