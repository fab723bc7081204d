"""What the figures of several workers come to: which are added up, and of which one stands for all. Pure.

Knows the names of the figures, and nothing of how they are counted or written.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

# Of what all of them see alike, or where the one that is worst off is what matters. Everything else is added up.
_MOST = frozenset(
    {
        "mirror_build",
        "mirror_cache_bytes",
        "mirror_cache_limit_bytes",
        "mirror_disk_unusable",
        "mirror_frozen",
        "mirror_scrub_last_finished_timestamp_seconds",
        "mirror_scrub_total_bytes",
        "mirror_scrubbed_bytes",
        "mirror_upstream_breaker",
        "mirror_upstream_last_success_timestamp_seconds",
        "mirror_worker_restarts",
        "mirror_workers",
        "python_info",
    }
)
_LEAST = frozenset({"mirror_upstream_pull_budget_limit", "mirror_upstream_pull_budget_remaining"})
_EACH = ("process_", "python_gc_")  # of a process: each worker has its own, by a label
_ADDED = frozenset({"counter", "histogram"})

Labels = tuple[tuple[str, str], ...]
Combined = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """One figure with all its samples. `kind`: as the text format calls it."""

    name: str
    kind: str
    text: str
    samples: tuple[Sample, ...]


def dumped(families: Iterable[Family]) -> bytes:
    """As bytes, for another worker."""
    return json.dumps([_plain(family) for family in families]).encode()


def loaded(document: bytes) -> list[Family]:
    """What `dumped` made bytes of."""
    return [
        Family(name, kind, text, tuple(Sample(of, tuple(map(_pair, labels)), value) for of, labels, value in samples))
        for name, kind, text, samples in json.loads(document)
    ]


def together(workers: Mapping[int, Iterable[Family]], departed: Iterable[Family]) -> list[Family]:
    """The figures of the whole: of its workers by number, and of those that are gone."""
    every = list(departed)
    for number, families in workers.items():
        every += [_of_worker(number, family) if family.name.startswith(_EACH) else family for family in families]
    return _merged(every)


def departing(departed: Iterable[Family], worker: Iterable[Family]) -> list[Family]:
    """What stays of workers that are gone, with one more of them: what is only ever added up."""
    stays = [one for one in worker if one.kind in _ADDED and one.name not in _MOST and not one.name.startswith(_EACH)]
    return _merged([*departed, *stays])


def _merged(families: Iterable[Family]) -> list[Family]:
    first: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, Labels], float]] = {}
    for family in families:
        first.setdefault(family.name, family)
        known = values.setdefault(family.name, {})
        combined = _combined(family.name)
        for sample in family.samples:
            key = (sample.name, sample.labels)
            known[key] = combined(known[key], sample.value) if key in known else sample.value
    return [
        Family(name, family.kind, family.text, tuple(Sample(*key, value) for key, value in values[name].items()))
        for name, family in first.items()
    ]


def _combined(name: str) -> Combined:
    if name in _MOST:
        return max
    return min if name in _LEAST else operator.add


def _of_worker(number: int, family: Family) -> Family:
    label = ("worker", str(number))
    samples = tuple(Sample(one.name, (*one.labels, label), one.value) for one in family.samples)
    return Family(family.name, family.kind, family.text, samples)


def _plain(family: Family) -> list[object]:
    samples = [[sample.name, sample.labels, float(sample.value)] for sample in family.samples]
    return [family.name, family.kind, family.text, samples]


def _pair(label: list[str]) -> tuple[str, str]:
    name, value = label
    return name, value
