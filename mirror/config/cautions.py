"""What is allowed and probably not meant. Pure: looks at values, and at nothing of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from mirror.config.settings import Settings


def cautions(settings: Settings) -> Iterator[str]:
    """One line for each, with its place."""
    for name, upstream in settings.resolved_upstreams().items():
        if upstream.username is None or upstream.insecure:
            continue
        for endpoint in upstream.endpoints:
            if endpoint.startswith("http://"):
                place = f"upstreams.{name}.username"
                yield f"{place}: is never sent to {endpoint}, which is not https: that takes `insecure: true`"
