"""Bytes, seconds and percentages as people write them: `50GiB`, `5m`, `80%`. Knows units, not what they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIZE_UNITS = {
    "": 1,
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
}
_LARGEST = (1 << 63) - 1  # bytes that the system's calls can count
_WHOLE_UNITS = (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)", re.ASCII)
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:\s*/\s*([smh]))?", re.ASCII)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%", re.ASCII)


@dataclass(frozen=True, slots=True)
class Share:
    """A number of bytes, or a percentage of whatever file system it is asked about."""

    size: int | None = None
    percent: float | None = None

    def of(self, total: int) -> int:
        """Bytes that this means on a file system of `total` bytes."""
        if self.size is not None:
            return self.size
        return int(total * (self.percent or 0.0) / 100)

    def __str__(self) -> str:
        if self.size is None:
            return f"{self.percent:g}%"
        for unit, factor in _WHOLE_UNITS:
            if self.size and self.size % factor == 0:
                return f"{self.size // factor}{unit}"
        return str(self.size)


def parse_size(value: object) -> int:
    """Bytes. Plain numbers are bytes; KiB to TiB are powers of 1024, kB to TB of 1000. ValueError if it is neither."""
    number, unit = _split(value, "a size such as 512MiB or 50GiB")
    factor = _SIZE_UNITS.get(unit.lower())
    if factor is None:
        raise ValueError("not a size: use B, KiB, MiB, GiB or TiB")
    size = int(number * factor)
    if size > _LARGEST:
        raise ValueError("larger than any file or memory can be")
    return size


def parse_duration(value: object) -> float:
    """Seconds. Plain numbers are seconds; ms, s, m, h, d, w are understood. ValueError if it is none of these."""
    number, unit = _split(value, "a duration such as 30s, 5m or 30d")
    factor = _DURATION_UNITS.get(unit)
    if factor is None:
        raise ValueError("not a duration: use ms, s, m, h, d or w")
    return number * factor


def parse_share(value: object) -> Share:
    """A size, or a percentage from 0 to 100. ValueError if it is neither."""
    if isinstance(value, Share):
        return value
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value.strip())):
        percent = float(found[1])
        if percent > 100:
            raise ValueError("a percentage goes from 0% to 100%")
        return Share(percent=percent)
    return Share(size=parse_size(value))


def parse_pulls(value: object) -> Share:
    """A number of pulls, as the `size` of a share, or a percentage of a limit. ValueError if it is neither."""
    if isinstance(value, Share) or (isinstance(value, str) and _PERCENT.fullmatch(value.strip())):
        return parse_share(value)
    text = "" if isinstance(value, bool) else str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError("not a number of pulls or a percentage such as 10%")
    return Share(size=int(text))


def parse_rate(value: object) -> float:
    """Times a second. Plain numbers are a second's; 10/s, 300/m and 5000/h are understood. ValueError otherwise."""
    if isinstance(value, str) and (found := _RATE.fullmatch(value.strip())):
        rate = float(found[1]) / _DURATION_UNITS[found[2] or "s"]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        rate = float(value)
    else:
        raise ValueError("not a rate such as 10/s or 300/m")
    if not 0 < rate < 1e6:
        raise ValueError("not a rate that anything could happen at")
    return rate


def _split(value: object, wanted: str) -> tuple[float, str]:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"not {wanted}")
    found = _QUANTITY.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f"not {wanted}")
    return float(found[1]), found[2]
