"""What programs say that give out logins: Docker's credential helpers, and commands that print a password. Runs none.

https://github.com/docker/docker-credential-helpers: `get` is given a server on its standard input and prints JSON, or
ends with an error, whose words tell whether it just knows no such server. No message repeats what a program printed.
"""

from __future__ import annotations

import orjson

from mirror.upstream import login
from mirror.upstream.login import Login
from mirror.upstream.programs import Ended

_UNKNOWN = b"credentials not found"  # docker-credential-helpers, credentials/error.go, as a part of what is printed


def argv(helper: str) -> tuple[str, ...]:
    """How the credential helper of this name is asked."""
    return (f"docker-credential-{helper}", "get")


def knows_no_login(ended: Ended) -> bool:
    """Whether a helper said that it has nothing for this server, which is an answer and no failure."""
    return ended.status != 0 and _UNKNOWN in ended.output.lower()


def from_helper(ended: Ended) -> Login:
    """The login that a helper printed; ValueError, a predicate, if there is none."""
    return _login(_succeeded(ended))


def from_command(ended: Ended, username: str | None) -> Login:
    """The login that a command printed as helpers do; or else, on one line, the password of `username`.

    ValueError, a predicate, if it printed neither.
    """
    output = _succeeded(ended)
    if output.startswith(b"{"):
        return _login(output)
    if not output or b"\n" in output:
        raise ValueError("prints neither a login in JSON nor one line with a password")
    if username is None:
        raise ValueError("prints a password, and there is no `username` to go with it")
    try:
        return login.from_pair(username, output.rstrip(b"\r").decode())
    except UnicodeDecodeError:
        raise ValueError("prints something that is not text") from None


def _succeeded(ended: Ended) -> bytes:
    if ended.status != 0:
        how = f"ended with {ended.status}" if ended.status > 0 else f"was ended by signal {-ended.status}"
        raise ValueError(f"{how}: run it by hand to see why")
    return ended.output.strip(b"\r\n")


def _login(output: bytes) -> Login:
    try:
        document = orjson.loads(output)
    except orjson.JSONDecodeError:
        raise ValueError("prints something that is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("prints no JSON object")
    return login.from_pair(document.get("Username"), document.get("Secret"))
