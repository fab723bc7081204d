"""Who is told when a tag moves: web hooks that the operator has written down. Values only: dials nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from mirror.config import written
from mirror.config.addresses import parse_host
from mirror.config.conflicts import Conflict, Inconsistent
from mirror.config.quantities import parse_duration

_URL = re.compile(r"[\x21-\x7e]{1,2048}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\x20-\x7e]{1,4096}", re.ASCII)
OURS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "x-hub-signature-256", "user-agent"}
)


def parse_receiver(value: str) -> str:
    """An http or https URL, of which path and query may be a secret: no message repeats it. Raises ValueError."""
    if _URL.fullmatch(value) is None:
        raise ValueError("not a URL: it is empty, or holds a space, a control character or a letter beyond ASCII")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("not a URL that begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("holds a user or password: these go into a header, Authorization")
    if "#" in value:
        raise ValueError("has a fragment, which has no meaning here")
    parse_host(parts.netloc)
    return value


def _secret(value: SecretStr) -> SecretStr:
    return SecretStr(parse_receiver(value.get_secret_value()))


def _headers(value: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, content in value.items():
        if _HEADER.fullmatch(name) is None or _VALUE.fullmatch(content.get_secret_value()) is None:
            raise ValueError("not a header: a name of letters, digits and hyphens, and a value in printable ASCII")
        if name.lower() in OURS:
            raise ValueError("names a header that the mirror sets itself")
    return value


class Receiver(BaseModel):
    """One web hook. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[SecretStr, AfterValidator(_secret)]
    secret_file: Annotated[Path, BeforeValidator(written.path)] | None = None  # what each notice is signed with
    timeout: Annotated[float, BeforeValidator(parse_duration), Field(gt=0, le=60)] = 5.0  # seconds, for each try
    headers: Annotated[dict[str, SecretStr], AfterValidator(_headers)] = {}  # what it wants beside, such as a login
    insecure: bool = False  # whether `headers` go to an http:// URL

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _headers_need_tls(self) -> Self:
        if self.headers and self.url.get_secret_value().startswith("http://") and not self.insecure:
            involved = (("url",), ("headers",), ("insecure",))
            message = "would be sent over http:// unencrypted: that takes `insecure: true`"
            raise Inconsistent([Conflict(("headers",), message, involved)])
        return self
