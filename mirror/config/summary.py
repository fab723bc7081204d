"""The effective configuration in a few lines for people. Shows no secret, only where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from mirror.amounts import duration
from mirror.config.settings import Settings, Upstream


def summarise(settings: Settings) -> Iterator[str]:
    """One line for each thing that an operator wants to see at a glance: where, how much, from whom."""
    server, storage = settings.server, settings.storage
    scheme = "https" if server.tls.certificate else "http"
    shown = ", clients show a certificate" if server.tls.client_ca else ""
    yield f"registry   {', '.join(f'{scheme}://{address}' for address in server.listen)}{shown}"
    yield f"admin      {', '.join(f'http://{address}' for address in settings.admin.listen)}"
    if server.workers != 1:
        number = "as many as processors" if server.workers == "auto" else server.workers
        yield f"workers    {number}"
    limits = f"at most {storage.max_size}, {storage.min_free} of the disk kept free"
    yield f"cache      {storage.root.absolute()} ({limits}, durability {storage.durability})"
    yield f"log        {settings.log.format}, level {settings.log.level}, requests {_yes_or_no(settings.log.access)}"
    if settings.catalog:
        yield "catalog    /v2/_catalog tells what is cached"
    yield from _unasked(settings)
    default = settings.aliases()[settings.default_upstream]
    for name, upstream in settings.resolved_upstreams().items():
        remarks = ", ".join([*_remarks(upstream), *(["default"] if name == default else [])])
        where = " ".join(upstream.endpoints) or "every host that matches"
        yield f"upstream   {name} = {where}" + (f" ({remarks})" if remarks else "")


def _unasked(settings: Settings) -> Iterator[str]:
    """What is done without a client. Of a web hook's URL only the host: the path may be a secret."""
    for kept in settings.images:
        what = kept.image if kept.file is None else f"what {kept.file} lists"
        yield f"kept ready {what}, at {kept.schedule.expression}"
    for receiver in settings.notifications.endpoints:
        url = urlsplit(receiver.url.get_secret_value())
        yield f"notices    to {url.scheme}://{url.netloc}{', signed' if receiver.secret_file is not None else ''}"


def _remarks(upstream: Upstream) -> Iterator[str]:
    login = _login(upstream)
    if login is not None:
        yield login
    if upstream.client_certificate is not None:
        yield f"certificate {upstream.client_certificate}"
    if upstream.hosts:
        yield f"also as {' '.join(upstream.hosts)}"
    if upstream.search is not None:
        yield f"searched at {upstream.search}"
    if upstream.allow != ("*",):
        yield f"only {' '.join(upstream.allow)}"
    if upstream.deny:
        yield f"never {' '.join(upstream.deny)}"
    if upstream.hold_new_digests:
        yield f"new digests held for {duration(upstream.hold_new_digests)}"
    if upstream.on_deleted != "serve":
        yield "deleted tags forgotten"
    if upstream.prefetch is not None:
        yield f"prefetch {upstream.prefetch}"
    if upstream.request_rate is not None:
        yield f"at most {upstream.request_rate:g} requests a second"
    if upstream.proxy is not None:
        yield "through a proxy"
    if upstream.insecure:
        yield "insecure"
    if upstream.allow_private_addresses:
        yield "private addresses allowed"


def _login(upstream: Upstream) -> str | None:
    """Where it comes from. Of a command only the program: an argument may be a secret."""
    if upstream.docker_config is not None:
        return f"login from {upstream.docker_config}"
    if upstream.credential_helper is not None:
        return f"login from docker-credential-{upstream.credential_helper}"
    user = f"user {upstream.username}" if upstream.username is not None else None
    if upstream.credential_command:
        program = upstream.credential_command[0]
        return f"{user}, password from program {program}" if user else f"login from program {program}"
    return f"{user}, password {_password_source(upstream)}" if user else None


def _password_source(upstream: Upstream) -> str:
    if upstream.password_file is not None:
        return f"from file {upstream.password_file}"
    return f"from variable {upstream.password_env}" if upstream.password_env is not None else "***"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
