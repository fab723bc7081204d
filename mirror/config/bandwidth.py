"""How many bytes a second may go one way, and when: `20MB/s`, or a list of windows of the day and the week.

Knows what operators write and what it means at a moment, not what is slowed down by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mirror.config.quantities import parse_size

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY = frozenset(range(len(_DAYS)))
_MIDNIGHT = 24 * 60  # minutes
_LEAST = 16 * 1024  # bytes a second; with less, no pull comes to its end
_KEYS = {"rate", "from", "to", "days"}
_UNLIMITED = "unlimited"
_RATE = re.compile(r"(.*?)\s*(?:/\s*s)?", re.ASCII | re.DOTALL)
_BITS = re.compile(r"([0-9.]{1,20})\s*([kMG])bit", re.ASCII)
_FEW_BITS = re.compile(r"[0-9.]+\s*[kKmMgGtT]b", re.ASCII)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """`rate` bytes a second, None for any number, from minute `begin` of each of these days to minute `end`.

    Where `end` is not after `begin`, it belongs to the day after. Monday is day 0, as for `datetime`.
    """

    rate: float | None
    begin: int = 0
    end: int = _MIDNIGHT
    days: frozenset[int] = _EVERY_DAY

    def applies(self, at: datetime) -> bool:
        """Whether `at`, in local time, lies within."""
        minute, today = at.hour * 60 + at.minute, at.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        yesterday = (today - 1) % len(_DAYS)
        return (today in self.days and minute >= self.begin) or (yesterday in self.days and minute < self.end)


def shared(windows: Sequence[Window], count: int) -> tuple[Window, ...]:
    """The same for each of `count` who divide it among them."""
    return tuple(replace(window, rate=window.rate and window.rate / count) for window in windows)


def rate_at(windows: Sequence[Window], at: datetime) -> float | None:
    """Bytes a second by the first window that applies at this local time; None for no limit, or where none applies."""
    return next((window.rate for window in windows if window.applies(at)), None)


def parse_window(value: object) -> Window:
    """A rate alone, which applies at all times, or a mapping of `rate`, and of `from` and `to`, and of `days`.

    ValueError with what is wrong with it.
    """
    if isinstance(value, Window):
        return value
    if not isinstance(value, Mapping):
        return Window(_rate(value))
    if not set(value) <= _KEYS:
        raise ValueError("has a key beside rate, from, to and days")
    if value.get("rate") is None:
        raise ValueError("has no rate")
    if (value.get("from") is None) != (value.get("to") is None):
        raise ValueError("has one of from and to without the other")
    begin, end = _minute(value.get("from") or "00:00"), _minute(value.get("to") or "24:00")
    if begin in (end, _MIDNIGHT):
        raise ValueError("from and to leave nothing between them")
    days = value.get("days")
    return Window(_rate(value["rate"]), begin, end, _EVERY_DAY if days is None else _days(days))


def _rate(value: object) -> float | None:
    """Bytes a second; None for as many as there are."""
    if value == _UNLIMITED:
        return None
    whole = _RATE.fullmatch(value) if isinstance(value, str) else None
    amount: object = value if whole is None else whole[1].strip()
    if isinstance(amount, str) and _FEW_BITS.fullmatch(amount):
        raise ValueError("is not clear: write 20MB/s for bytes, 160Mbit/s for bits")
    bits = _BITS.fullmatch(amount) if isinstance(amount, str) else None
    try:
        rate = parse_size(amount if bits is None else f"{bits[1]}{bits[2]}B") / (1 if bits is None else 8)
    except ValueError:
        raise ValueError("not a rate such as 20MB/s, 160Mbit/s or unlimited") from None
    if rate < _LEAST:
        raise ValueError("is less than any pull could be made at: 16KiB/s at least")
    return rate


def _minute(value: object) -> int:
    """The minute of a day."""
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    minute = -1 if found is None or int(found[2]) > 59 else int(found[1]) * 60 + int(found[2])
    if not 0 <= minute <= _MIDNIGHT:
        raise ValueError("from and to are times of the day such as 08:00")
    return minute


def _days(value: object) -> frozenset[int]:
    """Of `mon`, of `mon-fri` or of a list of such words."""
    words = value if isinstance(value, (list, tuple)) else [value]
    found: set[int] = set()
    for word in words:
        first, _, last = str(word).strip().lower().partition("-")
        begin = _day(first)
        found.update((begin + more) % len(_DAYS) for more in range((_day(last or first) - begin) % len(_DAYS) + 1))
    if not found:
        raise ValueError("days leaves none of them")
    return frozenset(found)


def _day(word: str) -> int:
    for number, name in enumerate(_DAYS):
        if word in (name, name[:3]):
            return number
    raise ValueError("days are mon, tue, wed, thu, fri, sat and sun, or mon-fri")
