"""The effective configuration in a few lines for people. Shows no secret, only where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from mirror.config.settings import Settings, Upstream


def summarise(settings: Settings) -> Iterator[str]:
    """One line for each thing that an operator wants to see at a glance: where, how much, from whom."""
    server, storage = settings.server, settings.storage
    scheme = "https" if server.tls.certificate else "http"
    yield f"registry   {', '.join(f'{scheme}://{address}' for address in server.listen)}"
    yield f"admin      {', '.join(f'http://{address}' for address in settings.admin.listen)}"
    limits = f"at most {storage.max_size}, {storage.min_free} of the disk kept free"
    yield f"cache      {storage.root.absolute()} ({limits}, durability {storage.durability})"
    yield f"log        {settings.log.format}, level {settings.log.level}, requests {_yes_or_no(settings.log.access)}"
    default = settings.aliases()[settings.default_upstream]
    for name, upstream in settings.resolved_upstreams().items():
        remarks = ", ".join([*_remarks(upstream), *(["default"] if name == default else [])])
        yield f"upstream   {name} = {' '.join(upstream.endpoints)}" + (f" ({remarks})" if remarks else "")


def _remarks(upstream: Upstream) -> Iterator[str]:
    if upstream.username is not None:
        yield f"user {upstream.username}, password {_password_source(upstream)}"
    if upstream.hosts:
        yield f"also as {' '.join(upstream.hosts)}"
    if upstream.proxy is not None:
        yield "through a proxy"
    if upstream.insecure:
        yield "insecure"
    if upstream.allow_private_addresses:
        yield "private addresses allowed"


def _password_source(upstream: Upstream) -> str:
    if upstream.password_file is not None:
        return f"from file {upstream.password_file}"
    return f"from variable {upstream.password_env}" if upstream.password_env is not None else "***"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
