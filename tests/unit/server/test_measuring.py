"""The figures of a whole mirror come from the parts that keep them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from mirror.metrics import Levels
from tests.support.figures import figure
from tests.support.hooks import hooked
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry


async def test_every_figure_that_is_kept_is_published(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as registry,
        hooked() as hook,
        MirrorUnderTest(
            tmp_path,
            registry.url,
            {
                "upstreams": {"docker.io": {"tag_ttl": "0s"}},
                "notifications": {"endpoints": [{"url": hook.url}]},
            },
        ) as mirror,
    ):
        for layer in (b"one", b"two"):
            registry.push_image("team/app", "prod", [layer])
            answer, _ = await mirror.get("/v2/team/app/manifests/prod")
            assert answer.status == 200
        await hook.came(1)
        await mirror.mirror.store.flush()
        rendered = mirror.mirror.metrics.render()
        assert figure(rendered, "mirror_tag_moves_total") == 1
        assert figure(rendered, "mirror_notices_dropped_total") == 0
        assert figure(rendered, "mirror_cache_bytes") == mirror.mirror.store.size
        assert b'mirror_upstream_breaker{upstream="docker.io"} 0.0' in rendered
        assert rendered.count(b"\n# TYPE mirror_") >= len(fields(Levels))
