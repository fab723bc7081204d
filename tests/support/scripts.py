"""Programs that give out logins, written by a test: what they were asked is noted beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path

NOT_FOUND = "credentials not found in native keychain"


class Script:
    """A shell script called `name` in `directory`, which notes what is on its standard input and then does `body`."""

    def __init__(self, directory: Path, name: str, body: str) -> None:
        self.path = directory / name
        self._inputs = directory / f"{name}.inputs"
        self.does(body)

    def does(self, body: str) -> None:
        """From the next call on."""
        notes = f'input=$(cat); printf "%s\\n" "$input" >> "{self._inputs}"'
        draft = self.path.with_suffix(".draft")
        draft.write_text(f"#!/bin/sh\n{notes}\n{body}\n")
        draft.chmod(0o700)
        os.replace(draft, self.path)

    @property
    def inputs(self) -> list[str]:
        """What it was given, call by call."""
        return self._inputs.read_text().splitlines() if self._inputs.exists() else []


def environment(directory: Path, **more: str) -> dict[str, str]:
    """One in which the scripts of this directory are found, and the system's programs."""
    return {"PATH": f"{directory}:{os.environ['PATH']}", **more}


def helper(directory: Path, name: str, body: str) -> Script:
    """A credential helper of this name."""
    return Script(directory, f"docker-credential-{name}", body)


def printing(username: str, secret: str) -> str:
    """What a script does that gives out this login."""
    login = json.dumps({"ServerURL": "registry.test", "Username": username, "Secret": secret})
    return f"cat <<'LOGIN'\n{login}\nLOGIN"


def failing(words: str, status: int = 1) -> str:
    """What a script does that ends with these words on its standard output."""
    return f"echo '{words}'; exit {status}"
