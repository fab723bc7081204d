"""What is allowed and probably not meant. Pure: looks at values, and at nothing of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from mirror.config.addresses import is_loopback
from mirror.config.patterns import is_pattern
from mirror.config.settings import Settings
from mirror.config.upstream_agreement import login_key


def cautions(settings: Settings) -> Iterator[str]:
    """One line for each, with its place."""
    yield from _open_to_others(settings)
    private = [name for name, upstream in settings.resolved_upstreams().items() if login_key(upstream) is not None]
    if settings.catalog and private:
        yield f"catalog: whoever may ask learns the names of what is pulled from {', '.join(private)} with a login"
    for name, upstream in settings.resolved_upstreams().items():
        login = login_key(upstream)
        if login is None:
            continue
        if is_pattern(name) and login not in ("docker_config", "credential_helper"):
            yield (
                f"upstreams.{name}.{login}: one login for every host that matches, whoever it belongs to: "
                "credential_helper and docker_config have one for each"
            )
        if upstream.insecure:
            continue
        for endpoint in upstream.endpoints:
            if endpoint.startswith("http://"):
                place = f"upstreams.{name}.{login}"
                yield f"{place}: is never sent to {endpoint}, which is not https: that takes `insecure: true`"


def _open_to_others(settings: Settings) -> Iterator[str]:
    others = [str(address) for address in settings.admin.listen if not is_loopback(address.host)]
    if others:
        yield (
            f"admin.listen: whoever reaches {', '.join(others)} may remove and import images, and is asked for no "
            "password: leave it on 127.0.0.1, or keep all but the monitoring away from it"
        )
