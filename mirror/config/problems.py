"""What is wrong with a configuration: where, and which key was probably meant. Knows the settings, no file format.

No message repeats a value, because a value in the wrong place may be a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mirror.config.conflicts import Place
from mirror.config.settings import Section, Settings, Upstream


@dataclass(frozen=True, slots=True)
class Problem:
    """`place` are the keys down to the setting; `involved` those whose own mistake would explain this one."""

    place: Place
    message: str
    hint: str | None = None
    involved: tuple[Place, ...] = ()

    def text(self) -> str:
        """The message with its hint, for whoever says the place in his own words."""
        return f"{self.message}; did you mean `{self.hint}`?" if self.hint else self.message


def dotted(place: Place) -> str:
    """The place as people write it: `server.listen[1]`."""
    return "".join([*place[:1], *(f"[{part}]" if part.isdigit() else f".{part}" for part in place[1:])])


def without(values: Mapping[str, Any], places: Sequence[Place]) -> dict[str, Any]:
    """The values, less those at these places, so that what the mistakes hid can be seen."""
    rest = dict(values)
    for key in {place[0] for place in places if place}:
        below = [place[1:] for place in places if place[:1] == (key,)]
        if () in below or not isinstance(rest.get(key), Mapping):
            rest.pop(key, None)
        else:
            rest[key] = without(rest[key], below)
    return rest


def is_echo(problem: Problem, earlier: Iterable[Problem]) -> bool:
    """Whether a conflict only follows from a setting that is wrong, or misspelt, by itself."""
    meant = {place for found in earlier for place in (setting_at(found.place), _hinted(found))}
    return any(place in meant for place in problem.involved)


def setting_at(place: Place) -> Place:
    """The setting itself, where the place is an item of its list."""
    return place[:-1] if place[-1:] and place[-1].isdigit() else place


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of these words that was probably meant: a similar one, else one that was cut short."""
    words = list(words)
    similar = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    longer = [candidate for candidate in words if len(word) >= 3 and candidate.startswith(word)]
    return next(iter([*similar, *longer]), None)


def section_at(place: Place) -> type[Section] | None:
    """The section that stands at this place; None where there is a single setting, or nothing."""
    section: type[Section] = Settings
    rest = list(place)
    while rest:
        key = rest.pop(0)
        if section is Settings and key == "upstreams":
            if not rest:
                return None
            rest.pop(0)
            section = Upstream
            continue
        field = section.model_fields.get(key)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, Section):
            return None
        section = field.annotation
    return section


def nearest_key(place: Place) -> str | None:
    """The key that was probably meant at this place: one of the same section, else the same one of another."""
    section = section_at(place[:-1])
    key = place[-1].lower().replace("-", "_")
    if section is None:
        return None
    near = nearest(key, section.model_fields)
    if near is not None:
        return near
    # The right key in the wrong section.
    for name in Settings.model_fields:
        other = section_at((name,))
        if other is not None and key in other.model_fields:
            return f"{name}.{key}"
    return f"upstreams.<name>.{key}" if key in Upstream.model_fields else None


def _hinted(problem: Problem) -> Place:
    return (*problem.place[:-1], problem.hint) if problem.hint else problem.place
