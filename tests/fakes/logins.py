"""Logins whose every secret bears a mark that can be searched for, and the scene's other secrets beside them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, quote

from tests.support.logins import BearerLogin, basic
from tests.support.wire import Reply, Seen, oci_error

USER = "alice"
PASSWORD = "canary-password"
IDENTITY = "canary-identity"
TOKEN = "canary-token"
SIGNATURE = "canary-1"  # which `FakeRegistry` signs its storage's addresses with
OF_A_CLIENT = "canary-of-a-client"
OF_A_PEER = "canary-of-a-peer"  # what hostile answers say, and nobody is to hear from us


@dataclass(slots=True)
class MarkedLogin(BearerLogin):
    """Gives `canary-token-N` for the password, and for the identity token by POST (OAuth2, grant `refresh_token`)."""

    def issue(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            form = parse_qs(seen.body.decode())
            if form.get("refresh_token") != [IDENTITY]:
                return oci_error(401, "UNAUTHORIZED")
            asked = {"authorization": basic(USER, PASSWORD)}
            query = f"service={quote(form['service'][0])}&scope={quote(form['scope'][0])}"
            seen = replace(seen, target=f"{seen.path}?{query}", headers=asked)
        reply = super(MarkedLogin, self).issue(seen)
        if reply.status != 200:
            return reply
        document = json.loads(reply.body)
        plain = document["token"]
        marked = plain.replace("token", TOKEN)
        self._tokens[marked] = self._tokens.pop(plain)
        document["token"] = document["access_token"] = marked
        return replace(reply, body=json.dumps(document).encode())


def docker_config(places: Mapping[str, str]) -> str:
    """A `config.json` that has this identity token for each place."""
    return json.dumps({"auths": {place: {"identitytoken": token} for place, token in places.items()}})


def spellings(secret: str) -> tuple[str, ...]:
    """The secret as it is, and as HTTP Basic and URLs carry it."""
    pair = base64.b64encode(f"{USER}:{secret}".encode()).decode()
    alone = base64.b64encode(secret.encode()).decode().rstrip("=")
    return (secret, pair, alone, quote(secret, safe=""))
