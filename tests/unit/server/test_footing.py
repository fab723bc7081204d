"""What a mirror stands on, alone and beside others."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mirror.config.settings import Settings
from mirror.errors import ConfigurationError
from mirror.metrics import Metrics
from mirror.server.footing import OwnFigures, alone, beside_others
from mirror.workers.channel import Channel
from tests.support.figures import figure
from tests.support.lines import Line


async def test_alone_it_opens_its_own_listeners_and_nobody_is_missing() -> None:
    settings = Settings()
    footing = alone(settings)
    assert (footing.registry, footing.admin, footing.tls) == (settings.server.listen, settings.admin.listen, None)
    assert footing.lacks() is None
    assert (footing.workers(), footing.restarts()) == (1, 0)


def test_a_certificate_that_cannot_be_used_is_none_to_stand_on(tmp_path: Path) -> None:
    tls = {"certificate": str(tmp_path / "none"), "key": str(tmp_path / "none")}
    with pytest.raises(ConfigurationError):
        alone(Settings.model_validate({"server": {"tls": tls}}))


async def test_the_figures_of_one_process_are_those_of_the_whole() -> None:
    metrics = Metrics("1")
    figures = OwnFigures(metrics)
    metrics.corrupt("store")
    await figures.publish()
    await figures.run()
    assert figure(await figures.render(), "mirror_integrity_failures_total", where="store") == 1


async def test_a_worker_listens_where_it_is_told_and_lacks_the_others() -> None:
    with Line(number=1, count=2) as line:
        async with Channel(line.post, lambda: None) as channel:
            footing = beside_others(channel, None)
            (registry,) = footing.registry
            assert isinstance(registry, socket.socket)
            assert footing.admin == line.post.sockets.admin
            assert footing.lacks() == "worker 0 does not serve"
            line.post.board.began(0, 1)
            line.post.board.beat(0, serves=True)
            channel.ready()
            assert footing.lacks() is None
            assert (footing.workers(), footing.restarts()) == (2, 0)


async def test_a_worker_tells_the_figures_of_all() -> None:
    with Line(number=1, count=2) as line:
        async with Channel(line.post, lambda: None) as channel:
            metrics = Metrics("1")
            figures = beside_others(channel, None).figures(metrics)
            metrics.corrupt("store")
            assert figure(await figures.render(), "mirror_integrity_failures_total", where="store") == 1
