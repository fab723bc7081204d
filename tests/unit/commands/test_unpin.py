"""`mirror unpin`: lets go of what is pinned, and says when that was nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import Commands
from tests.support.larder import BASE, filled


def test_a_pin_is_let_go_of_once(tmp_path: Path) -> None:
    filled(tmp_path / "cache", lambda larder: larder.image("library/ubuntu", "22.04", [BASE]))
    commands = Commands(tmp_path)
    for name in ("ubuntu", "ghcr.io"):
        assert commands.run("pin", name).exit_code == 0
    assert commands.run("unpin", "ubuntu").stdout.startswith("unpinned docker.io/library/ubuntu: 1 cached image")
    (pin,) = json.loads(commands.run("unpin", "--json", "ghcr.io/*").stdout)["pins"]
    assert pin["pin"] == "ghcr.io/*"
    again = commands.run("unpin", "ubuntu")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "mirror pin" in again.stderr
    assert commands.run("unpin").exit_code == 2
