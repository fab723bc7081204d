"""Runs the mirror and its peers side by side; prints what each of them costs, and which bounds are held.

Every round starts each server anew and visits them in another order; a ratio compares what was measured in one round,
because machines are noisy. CPU is user + system time of the whole tree of processes. Takes up to 5 GiB below the
temporary directory, and gives them back.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import signal
import tempfile
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from bench import images
from bench.bounds import MIRROR, judged
from bench.content import FULL, MIB, make
from bench.figures import Rounds
from bench.kept import keep, kept
from bench.machine import described
from bench.roster import NAMES, participants
from bench.rounds import Plan, measure
from bench.scenarios import SCENARIOS
from bench.scene import Scenario
from bench.servers import PROJECT
from bench.table import table

_KEPT = PROJECT / "bench" / "results" / "figures.json"


def main() -> None:
    options = _options()
    chosen = [one for one in SCENARIOS if any(fnmatch(one.what, pattern) for pattern in options.scenarios)]
    if not images.has_dockerd():
        chosen = [one for one in chosen if one.measure is not images.by_dockerd]
    if options.list:
        print("\n".join(one.what for one in chosen))
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: with nothing left running
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rounds = _run(options, chosen) if options.rounds else []
    machine = described() | {"loop": options.loop}
    print("; ".join(f"{name} {value}" for name, value in machine.items()), end="\n\n")
    if rounds:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        keep(options.json, rounds, machine)
    shown = [*rounds, *(each for path in options.add for each in kept(path))]
    print(table(shown, MIRROR, [one.what for one in SCENARIOS]), judged(shown), sep="\n\n")


def _run(options: argparse.Namespace, chosen: list[Scenario]) -> Rounds:
    rounds: Rounds = []
    with tempfile.TemporaryDirectory(prefix="mirror-bench-") as scratch, contextlib.suppress(KeyboardInterrupt):
        sizes = replace(FULL, blobs={**FULL.blobs, "large": options.large * MIB})
        content = make(Path(scratch) / "content", sizes)
        binaries = dict(options.binary)
        names = set(options.peers.split(",")) | set(binaries)
        everybody = [one for one in participants(content, options.loop, binaries) if one.name in names]
        measure(Plan(content, chosen, everybody, Path(scratch), options.rounds, options.seconds), rounds)
    return rounds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="0 only shows what is added")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each scenario that has no end of its own")
    parser.add_argument("--peers", default=",".join(NAMES), help="names with commas between them: %(default)s")
    parser.add_argument(
        "--scenarios", action="append", default=[], metavar="PATTERN", help="shell pattern; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios, and measure nothing")
    parser.add_argument(
        "--binary",
        action="append",
        default=[],
        type=_binary,
        metavar="NAME=PATH",
        help="another peer: a program that takes distribution's configuration, or a checkout of the mirror",
    )
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop", help="of the mirror")
    parser.add_argument("--large", type=int, default=256, metavar="MIB", help="size of the large blob")
    parser.add_argument("--json", type=Path, default=_KEPT, help="where every figure of every round is kept")
    parser.add_argument("--add", action="append", default=[], type=Path, help="such a file, to be shown as well")
    options = parser.parse_args()
    options.scenarios = options.scenarios or ["*"]
    if unknown := set(options.peers.split(",")) - set(NAMES):
        parser.error(f"no such peers: {', '.join(sorted(unknown))}")
    return options


def _binary(written: str) -> tuple[str, Path]:
    name, mark, path = written.partition("=")
    if not mark or not name or not Path(path).exists():
        raise argparse.ArgumentTypeError("NAME=PATH of something that is there")
    return name, Path(path)


if __name__ == "__main__":
    main()
