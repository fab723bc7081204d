"""`MIRROR_SECTION__KEY` variables as values of settings. Reads the mapping that it is given, not the process.

An upstream is named literally, `MIRROR_UPSTREAMS__DOCKER.IO__USERNAME`, or as shells can write it, with `_` for all
that is neither letter nor digit: `MIRROR_UPSTREAMS__DOCKER_IO__USERNAME`. An empty value means: not set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_origin

from mirror.config.conflicts import Place
from mirror.config.patterns import parse_upstream_name
from mirror.config.problems import nearest, section_at
from mirror.config.settings import Settings, Upstream

PREFIX = "MIRROR_"
CONFIG = "MIRROR_CONFIG"

_UPSTREAMS = "UPSTREAMS__"
# Kubernetes tells every container of the services around it; the service in front of this program is often called
# `mirror`, and then these arrive: MIRROR_PORT, MIRROR_SERVICE_HOST, MIRROR_METRICS_PORT_5001_TCP_ADDR.
_SERVICE_LINK = re.compile(
    r"MIRROR_(?:[A-Z0-9_]+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)


@dataclass(slots=True)
class Environment:
    """What the variables say: values nested as in a file, who said it, and the variables that say nothing."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Place, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)  # variable → what is wrong with its name
    wrong: dict[str, str] = field(default_factory=dict)  # variable → what is wrong with its value


def read(environ: Mapping[str, str], registries: Iterable[str]) -> Environment:
    """All variables of ours. `registries` are the upstreams that a variable may name in the shell's spelling."""
    found = Environment()
    known = tuple(registries)
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == CONFIG or not environ[name]:
            continue
        try:
            place = _place(name.removeprefix(PREFIX), known)
        except ValueError as problem:
            if not _SERVICE_LINK.fullmatch(name):
                found.unknown[name] = _with_nearest(str(problem), name, known)
            continue
        if place in found.origins:
            found.wrong[name] = f"says the same as {found.origins[place]}"
            continue
        found.origins[place] = name
        try:
            _insert(found.values, place, _value(place, environ[name]))
        except ValueError as problem:
            found.wrong[name] = str(problem)
    return found


def _place(rest: str, registries: tuple[str, ...]) -> Place:
    if rest.upper().startswith(_UPSTREAMS):
        # A name may hold two underscores of its own (xn--…), a key of an upstream never does.
        registry, _, key = rest[len(_UPSTREAMS) :].rpartition("__")
        if key.lower() not in Upstream.model_fields:
            raise ValueError("unknown variable")
        return ("upstreams", _registry(registry, registries), key.lower())
    place = tuple(part.lower() for part in rest.split("__"))
    section = section_at(place[:-1])
    if section is None or place[-1] not in section.model_fields:
        raise ValueError("unknown variable")
    if section_at(place) is not None or place == ("upstreams",):
        raise ValueError("names a section: set its keys one by one")
    return place


def _registry(written: str, registries: tuple[str, ...]) -> str:
    literal = [registry for registry in registries if registry.lower() == written.lower()]
    meant = literal or [registry for registry in registries if _shell_spelling(registry) == written.upper()]
    if len(meant) > 1:
        raise ValueError(f"means {' as well as '.join(meant)}: write the name itself")
    if meant:
        return meant[0]
    try:
        return parse_upstream_name(written)
    except ValueError:
        raise ValueError("names no upstream that is configured or built in") from None


def _value(place: Place, text: str) -> Any:
    section = section_at(place[:-1])
    if section is None or get_origin(section.model_fields[place[-1]].annotation) is not tuple:
        return text
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # `[::]:5000` is no JSON, but an address.
        if re.match(r"\s*\[[0-9A-Fa-f:.]+\]", text):
            return [item.strip() for item in text.split(",") if item.strip()]
        raise ValueError("neither a JSON list nor values between commas") from None


def _insert(values: dict[str, Any], place: Place, value: Any) -> None:
    for key in place[:-1]:
        values = values.setdefault(key, {})
    values[place[-1]] = value


def _shell_spelling(registry: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", registry.upper())


def _with_nearest(message: str, name: str, registries: tuple[str, ...]) -> str:
    near = nearest(name, _variables(registries)) if message.startswith(("unknown", "names no")) else None
    return f"{message}; did you mean `{near}`?" if near else message


def _variables(registries: tuple[str, ...]) -> Iterator[str]:
    yield CONFIG
    yield from (f"{PREFIX}{name.upper()}" for name in _leaves(()))
    for registry in registries:
        yield from (f"{PREFIX}{_UPSTREAMS}{_shell_spelling(registry)}__{key.upper()}" for key in Upstream.model_fields)


def _leaves(place: Place) -> Iterator[str]:
    section = section_at(place)
    for key in section.model_fields if section else ():
        below = (*place, key)
        if section_at(below) is not None:
            yield from _leaves(below)
        elif section is not Settings or key != "upstreams":
            yield "__".join(below)
