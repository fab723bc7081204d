"""Commands of `mirror` called in this process, against a mirror that runs in a thread, or against its directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from mirror.cli import main
from mirror.config.addresses import ListenAddress
from tests.support.mirror_thread import MirrorThread


class Commands:
    """`run("freeze", "--status")` as an operator would on the machine of the mirror whose home is `root`.

    Nothing that is set on the machine of the tests has a part in it. `environment`: what is set besides.
    """

    def __init__(self, root: Path) -> None:
        (root / "empty.yml").touch()
        self.environment = {
            "MIRROR_CONFIG": str(root / "empty.yml"),
            "MIRROR_STORAGE__ROOT": str(root / "cache"),
            "MIRROR_ADMIN__LISTEN": "127.0.0.1:1",  # where nobody listens
        }

    def reaching(self, served: MirrorThread) -> Commands:
        """The same for the mirror that runs there."""
        self.environment["MIRROR_ADMIN__LISTEN"] = str(ListenAddress(*served.admin_address))
        return self

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None, standard_input: bytes | None = None
    ) -> Result:
        unset = {name: None for name in os.environ if name.startswith("MIRROR_")}
        around = {**unset, **self.environment, **(environment or {})}
        return CliRunner().invoke(main, arguments, standard_input, around, prog_name="mirror")
