"""What was looked at, and what was found: a value for each, and the one that decides about the whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    SKIPPED = "skip"  # was not looked at
    WARNING = "warn"  # works, and may soon not, or not as it should
    BAD = "bad"  # keeps pulls from working


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject`: an upstream, or a part of this machine; `what` was looked at there. `advice`: what to do next."""

    level: Level
    subject: str
    what: str
    words: str
    advice: str = ""


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing was found that keeps pulls from working."""
    return all(finding.level is not Level.BAD for finding in findings)
