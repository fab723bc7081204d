"""The ways to an upstream that are measured over: values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """`latency`: seconds before each answer begins. Rates in bytes a second, of one connection and of all; 0: any."""

    name: str
    latency: float = 0.0
    connection_rate: float = 0.0
    total_rate: float = 0.0


FAST = Link("fast")
# A registry's content network on another continent, as a large line sees it.
WAN = Link("WAN", latency=0.060, connection_rate=10e6, total_rate=100e6)
LINKS = {link.name: link for link in (FAST, WAN)}
