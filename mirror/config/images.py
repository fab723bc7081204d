"""Images that are to be kept ready: names or a file of them, for which platforms, and when they are looked after.

Knows what operators write, and when a schedule's next time is; neither a registry nor a clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cronsim import CronSim, CronSimError

from mirror.config import written

DAILY = "0 4 * * *"

_KEYS = {"image", "file", "platforms", "schedule"}
# https://github.com/distribution/reference (reference.go), as far as it is worth saying before anybody is asked.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_image = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,127}})?"
    r"(?:@[a-z0-9]{3,16}:[a-f0-9]{32,128})?",
    re.ASCII,
).fullmatch
_platform = re.compile(r"[a-z0-9]{1,32}/[a-z0-9_-]{1,32}(?:/[a-z0-9.]{1,16})?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times in the way of cron, minute by minute, in the local time of the machine."""

    expression: str

    def after(self, moment: datetime) -> datetime:
        """The next of them after this local time."""
        return next(CronSim(self.expression, moment))


@dataclass(frozen=True, slots=True)
class Kept:
    """One image or a file with a list of them; `platforms`: none for all that there are."""

    image: str | None
    file: Path | None
    platforms: tuple[str, ...]
    schedule: Schedule


def parse_kept(value: object) -> Kept:
    """An image's name alone, or a mapping of `image` or `file`, and of `platforms` and `schedule`.

    ValueError with what is wrong with it.
    """
    if isinstance(value, Kept):
        return value
    if not isinstance(value, Mapping):
        return Kept(_name(value), None, (), Schedule(DAILY))
    if not set(value) <= _KEYS:
        raise ValueError("has a key beside image, file, platforms and schedule")
    if (value.get("image") is None) == (value.get("file") is None):
        raise ValueError("names an image or a file of them: one of the two")
    image = None if value.get("image") is None else _name(value["image"])
    file = None if value.get("file") is None else Path(str(written.path(value["file"])))
    platforms = written.several(value.get("platforms") or ())
    if not isinstance(platforms, (list, tuple)):
        platforms = ()
    if not all(isinstance(one, str) and _platform(one) for one in platforms):
        raise ValueError("platforms are OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64")
    return Kept(image, file, tuple(platforms), parse_schedule(value.get("schedule") or DAILY))


def parse_schedule(value: object) -> Schedule:
    """The times that an expression of cron's five fields names; ValueError when it names none."""
    if isinstance(value, Schedule):
        return value
    if not isinstance(value, str) or len(value) > 200 or len(value.split()) != 5:
        raise ValueError("schedule is five fields as in a crontab: minute hour day month weekday, such as 0 4 * * *")
    try:
        schedule = Schedule(" ".join(value.split()))
        schedule.after(datetime(2000, 1, 1))
    except (CronSimError, StopIteration):
        raise ValueError("schedule names no time: minute hour day month weekday, such as 0 4 * * *") from None
    return schedule


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1024 or _image(value) is None:
        raise ValueError("not the name of an image, such as docker.io/library/alpine:3.20")
    return value
