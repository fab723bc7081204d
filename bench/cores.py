"""As many answers as a server can give, to a load generator in C that runs on the same cores."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.blobs import Measuring
from bench.figures import Figure, figure
from bench.load import ACCEPT
from bench.processes import Failed
from bench.scene import Scene, keep
from bench.servers import Server
from bench.small import by_tag

_CLIENTS = 64
_RATE = re.compile(rb"Requests/sec:\s+([\d.]+)")
# Asked one by one, the generator spends about as much on a request as a server does on its answer.
_SEVERAL = """
init = function(arguments)
  local one = wrk.format(nil, nil)
  several = string.rep(one, tonumber(arguments[1]))
end
request = function() return several end
"""


def as_many_as_it_can(at_once: int) -> Measuring:
    """Answers a second to clients that ask for so many before they read (RFC 9112 section 9.3.2)."""

    def measure(scene: Scene, server: Server) -> Figure:
        keep(scene, server, by_tag(scene))
        seconds = max(round(scene.seconds), 1)
        with TemporaryDirectory() as directory:
            script = Path(directory) / "several.lua"
            script.write_text(_SEVERAL)
            before, spent = server.cpu(), _spent()
            done = subprocess.run(
                _command(server, by_tag(scene), seconds, script, at_once),
                check=True,
                capture_output=True,
                start_new_session=True,
                timeout=60,
            )
        rate = _RATE.search(done.stdout)
        if rate is None or b"Non-2xx" in done.stdout:
            raise Failed(f"{server.name}: {done.stdout.decode().strip()[-200:]}")
        used, load = server.cpu() - before, _spent() - spent
        asked = float(rate[1]) * seconds
        return figure(
            (float(rate[1]), "answers/s"),
            (used / asked * 1e6, "µs CPU"),
            (used / seconds, "cores"),
            (load / seconds, "cores of the load"),
        )

    return measure


def _command(server: Server, path: str, seconds: int, script: Path, at_once: int) -> list[str]:
    program = shutil.which("wrk")
    if program is None:
        raise Failed("wrk is not installed: `make bench` does that")
    url = f"http://127.0.0.1:{server.port}{path}"
    options = ["-t1", f"-c{_CLIENTS}", f"-d{seconds}s", "--timeout", "30s", "-H", f"Accept: {ACCEPT}"]
    return [program, *options, "-s", str(script), url, "--", str(at_once)]


def _spent() -> float:
    """CPU seconds of the children that have ended: the servers have not."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
