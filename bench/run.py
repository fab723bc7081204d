"""Runs the mirror and its peers side by side, and prints what each of them costs.

usage: python -m bench.run [--seconds 2] [--rounds 3] [--loop asyncio|uvloop] [--only mirror] [--json FILE]

Every round starts each server anew and visits them in another order; a ratio compares what was measured in one round,
because machines are noisy. CPU is user + system time of the whole tree of processes. Takes up to 3 GiB below the
temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench import peers, servers
from bench.scenarios import ALONE, SCENARIOS, Figure, Scenario, Scene
from bench.servers import Server, Upstream
from bench.upstream import Content, make

MIRROR = "mirror"
PEERS = ("nginx-static", "nginx-cache", "distribution")
Round = dict[str, dict[str, Figure]]  # by scenario and server


def one_round(directory: Path, content: Content, options: argparse.Namespace, number: int) -> Round:
    """Every scenario on every server."""
    figures: Round = {}
    with tempfile.TemporaryDirectory(dir=directory) as scratch, servers.upstream(directory / "content") as upstream:
        starts = _starts(Path(scratch), directory / "content", content, upstream, options)
        names = list(starts)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with starts[name]() as server:
                for scenario in _for(server):
                    figure = scenario.measure(Scene(content, upstream, options.seconds), server)
                    figures.setdefault(scenario.what, {})[server.name] = figure
    return figures


def _starts(
    scratch: Path, blobs: Path, content: Content, upstream: Upstream, options: argparse.Namespace
) -> dict[str, Callable[[], AbstractContextManager[Server]]]:
    everybody: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        MIRROR: lambda: servers.mirror(scratch / "mirror", upstream.port, options.loop),
        "aiohttp": lambda: servers.bare(options.loop),
        "nginx-static": lambda: peers.nginx_static(scratch / "static", content, blobs),
        "nginx-cache": lambda: peers.nginx_cache(scratch / "nginx", upstream.port),
        "distribution": lambda: peers.distribution(scratch / "distribution", upstream.port),
    }
    return {name: start for name, start in everybody.items() if not options.only or name in options.only}


def _for(server: Server) -> list[Scenario]:
    if server.name == "aiohttp alone":
        return [ALONE]
    return [scenario for scenario in SCENARIOS if server.caches or not scenario.cold]


def table(rounds: list[Round]) -> str:
    """Medians and ratios to the mirror of the same round, in Markdown."""
    names = list(dict.fromkeys(name for figures in rounds for row in figures.values() for name in row))
    names.sort(key=lambda name: name != MIRROR)
    lines = [f"| what | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    for what in dict.fromkeys(what for figures in rounds for what in figures):
        rows = [figures[what] for figures in rounds if what in figures]
        lines.append(f"| {what} | {' | '.join(_cell(name, rows) for name in names)} |")
    return "\n".join(lines)


def _cell(name: str, rows: list[dict[str, Figure]]) -> str:
    found = [row[name] for row in rows if name in row]
    if not found:
        return ""
    costs = [figure.cost for figure in found]
    text = f"{statistics.median(costs):.3g} {found[-1].unit}"
    if len(costs) > 1:
        text += f" ({min(costs):.3g}-{max(costs):.3g})"
    ratios = [row[name].cost / row[MIRROR].cost for row in rows if name in row and MIRROR in row and row[MIRROR].cost]
    if name != MIRROR and ratios:
        text += f", **{statistics.median(ratios):.2g}x**"
    return f"{text}; {found[-1].seen}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each scenario that has no end of its own")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    parser.add_argument("--only", action="append", choices=(MIRROR, "aiohttp", *PEERS), help="may be repeated")
    parser.add_argument("--json", type=Path, help="where to keep every figure of every round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mirror-bench-") as scratch, contextlib.suppress(KeyboardInterrupt):
        directory = Path(scratch)
        content = make(directory / "content")
        rounds = [one_round(directory, content, options, number) for number in range(options.rounds)]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    print(f"{options.loop}, {options.rounds} rounds, {machine}\n\n{table(rounds)}")
    if options.json is not None:
        kept = [
            {
                what: {name: {"cost": f.cost, "unit": f.unit, "seen": f.seen} for name, f in row.items()}
                for what, row in each.items()
            }
            for each in rounds
        ]
        options.json.write_text(json.dumps({"machine": machine, "loop": options.loop, "rounds": kept}, indent=1))


if __name__ == "__main__":
    main()
