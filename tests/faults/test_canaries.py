"""Whoever plots for them: secrets are heard by their own registry alone, and told to nobody."""

from __future__ import annotations

import base64
import gc
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest
import structlog

from mirror.config.settings import Log
from mirror.log.events import configure
from mirror.log.stream import stream_to
from tests.fakes.logins import (
    IDENTITY,
    OF_A_CLIENT,
    OF_A_PEER,
    PASSWORD,
    SIGNATURE,
    TOKEN,
    USER,
    docker_config,
    spellings,
)
from tests.faults.plots import PLOTS, Plot
from tests.faults.scene import REPOSITORY, Scene, staged
from tests.support.authority import Authority
from tests.support.mirror import MirrorUnderTest
from tests.support.raw import Close, RawUpstream, Reset, Script, answer

LIMITS = {
    "resumes": 1,
    "connect_timeout": "2s",
    "first_byte_timeout": "2s",
    "read_timeout": "1s",
    "answer_timeout": "3s",
}
CREDENTIALS = {"console": "password", "json": "identity token"}  # each format of the log with one of them
OURS = (PASSWORD, IDENTITY, TOKEN)  # for home alone
PAGES = (
    *("/", "/metrics", "/readyz", "/api/v1/state", "/api/v1/budget"),
    f"/api/v1/explain?image=docker.io/{REPOSITORY}:v1",
)
SENT_BY_CLIENTS = {
    "Authorization": "Basic " + base64.b64encode(f"bob:{OF_A_CLIENT}".encode()).decode(),
    "Cookie": f"session={OF_A_CLIENT}",
    "X-Registry-Auth": OF_A_CLIENT,
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=CREDENTIALS)
def form(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Iterator[str]:
    """The format of the log, in which everything is said down to the last detail."""
    capfd.readouterr()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure(Log(format=request.param, level="debug"), stream_to(2), {})
    yield request.param
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def mirror_of(scene: Scene, root: Path, form: str, authority: Authority) -> MirrorUnderTest:
    """A mirror that logs in to `home`, and trusts everybody's certificate."""
    upstream = {"endpoints": scene.home.url, "ca_file": str(authority.ca_file), "tag_ttl": "0s", "not_found_ttl": "0s"}
    if CREDENTIALS[form] == "password":
        upstream |= {"username": USER, "password": PASSWORD}
    else:
        config = root / "config.json"
        config.write_text(docker_config({"docker.io": IDENTITY, "https://index.docker.io/v1/": IDENTITY}))
        config.chmod(0o600)
        upstream["docker_config"] = str(config)
    overrides = {"upstreams": {"docker.io": upstream}, "limits": LIMITS, "log": {"access": True, "format": form}}
    return MirrorUnderTest(root, scene.home.url, overrides)


async def used(mirror: MirrorUnderTest, scene: Scene) -> str:
    """Everything that clients and operators are told while the mirror is used, and then once more."""
    blobs = [f"blobs/{digest}" for digest in (scene.image.config_digest, *scene.image.layer_digests)]
    lists = ("tags/list?n=1", f"referrers/{scene.image.digest}")
    first = [("HEAD", "manifests/v1"), ("GET", "manifests/index"), ("GET", f"manifests/{scene.image.digest}")]
    first += [("GET", path) for path in (*blobs, *lists)]
    again = [("GET", "manifests/v1"), ("HEAD", blobs[0]), ("GET", blobs[1])]
    told = [await _told(mirror, method, f"{mirror.url}/v2/{REPOSITORY}/{path}") for method, path in (*first, *again)]
    host, port = mirror.mirror.admin.addresses[0][:2]
    told += [await _told(mirror, "GET", f"http://{host}:{port}{page}") for page in PAGES]
    return "\n".join(told)


async def _told(mirror: MirrorUnderTest, method: str, url: str) -> str:
    body = b""
    try:
        async with mirror.session.request(method, url, headers=SENT_BY_CLIENTS, allow_redirects=False) as response:
            head = f"{response.status} {response.headers}"
            async for piece in response.content.iter_any():
                body += piece
    except aiohttp.ClientError as error:
        return f"{error!r} {body.decode('latin-1')}"
    return f"{head}\n{body.decode('latin-1')}"


def representations() -> str:
    """What every object of ours that is alive says of itself."""
    alive = gc.get_objects()
    ours = {kind for kind in set(map(type, alive)) if str(kind.__module__).startswith("mirror.")}
    objects = [one for one in alive if type(one) in ours]
    assert len(objects) > 50
    return "\n".join(repr(one) for one in objects)


def stored(root: Path) -> str:
    """Every file of the cache directory."""
    return "\n".join(path.read_bytes().decode("latin-1") for path in (root / "cache").rglob("*") if path.is_file())


def found(secrets: tuple[str, ...], text: str) -> list[str]:
    return [spelt for secret in secrets for spelt in spellings(secret) if spelt in text]


@pytest.mark.figure("F8", "plots for secrets: seen where they do not belong")
@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
async def test_no_plot_has_a_secret_sent_or_told(
    tmp_path: Path, authority: Authority, form: str, plot: Plot, capfd: pytest.CaptureFixture[str]
) -> None:
    async with staged(authority) as scene:
        plot(scene)
        async with mirror_of(scene, tmp_path, form, authority) as mirror:
            told = await used(mirror, scene)
            said = representations()
        logged = capfd.readouterr().err
        assert "asked upstream" in logged
        assert scene.home.requests
        for where, text in {"told": told, "logged": logged, "repr": said, "kept": stored(tmp_path)}.items():
            assert found((*OURS, SIGNATURE, OF_A_CLIENT), text) == [], where
        assert found((OF_A_PEER,), told + logged) == []
        strangers = scene.captured(scene.thief, scene.plain)
        assert found((*OURS, SIGNATURE, OF_A_CLIENT), strangers) == []
        assert found((*OURS, OF_A_CLIENT), scene.captured_by_storage()) == []
        assert found((OF_A_CLIENT, SIGNATURE), scene.captured_by_home()) == []


PROXY_PASSWORD = "canary-proxy"
PROXIES: Mapping[str, Script] = {
    "wants another password": [
        answer("407 X", [f"Proxy-Authenticate: Basic realm={OF_A_PEER}", "Content-Length: 0"]),
        Close(),
    ],
    "fails, and says why": [answer("502 X", ["Content-Length: 12"], PROXY_PASSWORD.encode()), Close()],
    "leads elsewhere": [answer("302 X", [f"Location: http://127.0.0.1:9/{OF_A_PEER}", "Content-Length: 0"]), Close()],
    "speaks something else": [PROXY_PASSWORD.encode(), Close()],
    "resets": [Reset()],
}


@pytest.mark.figure("F8", "plots of proxies for secrets: seen where they do not belong")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("script", PROXIES.values(), ids=PROXIES)
async def test_a_proxys_password_is_for_the_proxy_alone(
    tmp_path: Path, authority: Authority, form: str, script: Script, scheme: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with staged(authority) as scene, RawUpstream(script) as proxy:
        upstream = {
            "endpoints": scene.home.url if scheme == "https" else scene.plain.url,
            "proxy": proxy.url.replace("//", f"//{USER}:{PROXY_PASSWORD}@"),
        }
        overrides = {"upstreams": {"docker.io": upstream}, "limits": LIMITS, "log": {"access": True, "format": form}}
        async with MirrorUnderTest(tmp_path, scene.home.url, overrides) as mirror:
            told = await used(mirror, scene)
            gc.collect()  # what earlier tests have left may well repeat what their peers said
            said = representations()
        assert found((PROXY_PASSWORD,), str([seen.headers for seen in proxy.requests]))
        assert scene.home.requests == scene.plain.requests == []
        for where, text in {"told": told, "logged": capfd.readouterr().err, "repr": said}.items():
            assert found((PROXY_PASSWORD, OF_A_PEER, OF_A_CLIENT), text) == [], where


async def test_the_search_finds_what_is_where_it_belongs(
    tmp_path: Path, authority: Authority, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with staged(authority) as scene:
        scene.home.redirects = True
        async with mirror_of(scene, tmp_path, form, authority) as mirror:
            await used(mirror, scene)
        of_home = scene.captured_by_home()
        assert set(found((TOKEN,), of_home)) == {TOKEN}
        assert found((PASSWORD if CREDENTIALS[form] == "password" else IDENTITY,), of_home)
        assert set(found((SIGNATURE,), scene.captured_by_storage())) == {SIGNATURE}
        assert "/objects/" in scene.captured(scene.home)
    assert capfd.readouterr().err
