"""What the metrics say, read as a monitoring system reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from prometheus_client.parser import text_string_to_metric_families

Render = Callable[[], bytes]
Figures = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: bytes) -> Figures:
    """Every sample by its name and its labels, in order."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def figure(text: bytes, name: str, **labels: str) -> float | None:
    """One of them; None where it is not published."""
    return figures(text).get((name, tuple(sorted(labels.items()))))


async def becomes(render: Render, value: float, name: str, **labels: str) -> None:
    """Wait until it has that value. Raises TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while figure(render(), name, **labels) != value:  # noqa: ASYNC110  # figures tell nobody
            await asyncio.sleep(0.005)
