"""What went wrong elsewhere, and was published, does not go wrong here: one test for each, named after it.

Those that another test holds under its own name stand in `advisories`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import HttpVersion11
from multidict import CIMultiDict, CIMultiDictProxy

from mirror.config.loading import load
from mirror.errors import ConfigurationError
from mirror.oci.digest import Digest
from mirror.server.heard import Heard, is_sound
from tests.fakes.logins import PASSWORD, TOKEN, USER, spellings
from tests.fakes.registry import Registry
from tests.faults.advisories import HELD
from tests.faults.scene import REPOSITORY, staged
from tests.support.authority import Authority
from tests.support.caches import published
from tests.support.checker import got, until
from tests.support.content import OCI_CONFIG, OCI_MANIFEST, descriptor
from tests.support.logins import BearerLogin
from tests.support.mirror import MirrorUnderTest
from tests.support.mirror_thread import MirrorThread
from tests.support.raw import Close, answer
from tests.support.raw_client import request
from tests.support.surface import ABSENT_DIGEST, SMALL_DIGEST, SMALL_PATH, TAG_PATH, configuration, fill

TESTS = Path(__file__).parents[1]
SOURCES = sorted((TESTS.parent / "mirror").rglob("*.py"))
_IMPATIENT = {"connect_timeout": "1s", "first_byte_timeout": "1s", "read_timeout": "1s", "answer_timeout": "2s"}


@dataclass(frozen=True, slots=True)
class Login:
    """How the mirror comes to its upstream in these tests, beside the address."""

    ca_file: str
    username: str = USER
    password: str = PASSWORD

    def of(self, endpoint: str, **more: object) -> dict[str, object]:
        known = {"ca_file": self.ca_file, "username": self.username, "password": self.password}
        return {"upstreams": {"docker.io": {"endpoints": endpoint, **known, **more}}, "limits": _IMPATIENT}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def login(authority: Authority) -> Login:
    return Login(str(authority.ca_file))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("served"), configuration) as served:
        fill(served)
        yield served


async def test_cve_2026_33540_a_realm_elsewhere_gets_no_password(
    tmp_path: Path, authority: Authority, login: Login
) -> None:
    async with staged(authority) as scene:
        async with MirrorUnderTest(tmp_path / "a", scene.home.url, login.of(scene.home.url)) as mirror:
            assert (await got(mirror, f"/v2/{REPOSITORY}/manifests/v1")).status == 200
        assert any(spelt in scene.captured_by_home() for spelt in spellings(PASSWORD))
        scene.lure(f'Bearer realm="{scene.steal}",service="s",scope="repository:{REPOSITORY}:pull"')
        async with MirrorUnderTest(tmp_path / "b", scene.home.url, login.of(scene.home.url)) as mirror:
            assert (await got(mirror, f"/v2/{REPOSITORY}/manifests/v1")).status in (403, 502)
        assert scene.thief.requests == []


async def test_cve_2026_49349_storage_gets_no_credential(tmp_path: Path, authority: Authority, login: Login) -> None:
    async with staged(authority) as scene:
        scene.home.redirects = True
        async with MirrorUnderTest(tmp_path, scene.home.url, login.of(scene.home.url)) as mirror:
            path = f"/v2/{REPOSITORY}/blobs/{scene.image.layer_digests[0]}"
            assert (await got(mirror, path)).status == 200
        heard = scene.captured_by_storage()
        assert "/objects/" in heard
        assert "authorization" not in heard.lower()
        assert TOKEN in scene.captured_by_home()


@pytest.mark.parametrize("is_known", [True, False], ids=["a known authority", "an unknown one"])
async def test_cve_2019_10214_a_realm_is_verified_like_its_registry(
    tmp_path: Path, authority: Authority, login: Login, is_known: bool
) -> None:
    tls = (authority if is_known else Authority(tmp_path)).server("127.0.0.1")
    async with Registry(tls=authority.server("127.0.0.1")) as home, Registry(tls=tls) as realm:
        home.push_image(REPOSITORY, "v1", [])
        home.login = realm.login = BearerLogin((USER, PASSWORD))
        home.realm = f"{realm.url}/token"
        values = login.of(home.url, realms=[f"127.0.0.1:{realm.port}"])
        async with MirrorUnderTest(tmp_path, home.url, values) as mirror:
            heard = await got(mirror, f"/v2/{REPOSITORY}/manifests/v1")
        assert heard.status in ({200} if is_known else {502, 503})
        assert bool(realm.requests) is is_known
        assert home.requests


async def test_cve_2020_15157_the_urls_of_a_layer_are_not_asked(tmp_path: Path) -> None:
    layer = b"a layer that its registry does not have"
    async with Registry() as home, Registry() as elsewhere:
        config = home.push_blob("a/b", b"{}")
        elsewhere.push_blob("a/b", layer)
        urls = [f"{elsewhere.url}/v2/a/b/blobs/{Digest.of(layer)}"]
        foreign = {**descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", layer), "urls": urls}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {**descriptor(OCI_CONFIG, b"{}"), "digest": str(config)},
            "layers": [foreign],
        }
        data = json.dumps(document).encode()
        home.push_manifest("a/b", "v1", data, OCI_MANIFEST)
        async with MirrorUnderTest(tmp_path, home.url) as mirror:
            assert (await got(mirror, "/v2/a/b/manifests/v1")).body == data
            assert (await got(mirror, f"/v2/a/b/blobs/{Digest.of(layer)}")).status == 404
        assert elsewhere.connections == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("header", [{}, {"Range": "bytes=0-3"}], ids=["whole", "range"])
async def test_cve_2024_39897_a_digest_alone_opens_nothing(tmp_path: Path, method: str, header: dict[str, str]) -> None:
    async with Registry() as home:
        digest = home.push_blob("private/app", b"a secret layer")
        async with MirrorUnderTest(tmp_path, home.url) as mirror:
            assert (await got(mirror, f"/v2/private/app/blobs/{digest}")).body == b"a secret layer"
            await until(lambda: published(tmp_path / "cache") == [str(digest)])  # what is under way is another matter
            response, body = await mirror.ask(method, f"/v2/public/app/blobs/{digest}", **header)
            assert response.status == 404
            assert b"secret" not in body
            assert "Docker-Content-Digest" not in response.headers


async def test_cve_2023_2253_an_endless_n_is_clamped(tmp_path: Path) -> None:
    async with Registry() as home:
        home.push_image("a/b", "v1", [])
        async with MirrorUnderTest(tmp_path, home.url) as mirror:
            heard = await got(mirror, "/v2/a/b/tags/list?n=99999999999999999999")
            assert json.loads(heard.body)["tags"] == ["v1"]
            assert (await got(mirror, "/v2/_catalog?n=99999999999999999999")).status == 404
        asked = [int(number) for seen in home.requests for number in re.findall(r"\bn=([0-9]+)", seen.query)]
        assert all(number <= 10_000 for number in asked)


async def test_cve_2026_34519_the_reason_of_an_upstream_is_not_ours(tmp_path: Path) -> None:
    async with Registry() as home:
        home.play([answer("404 CANARY <script>", ["Content-Length: 0"]), Close()], times=None)
        async with MirrorUnderTest(tmp_path, home.url) as mirror:
            response, body = await mirror.get("/v2/a/b/manifests/v1")
        assert (response.status, response.reason) == (404, "Not Found")
        assert b"CANARY" not in body
        assert home.requests


def test_cve_2026_34525_two_hosts_are_none(served: MirrorThread) -> None:
    assert served.ask("GET", TAG_PATH).status == 200
    for second in ("Host: other.test", "Host: x"):
        assert served.ask("GET", TAG_PATH, second).status == 400
    # The parser refuses them before we are asked, as long as it is a good one.
    two = CIMultiDictProxy(CIMultiDict([("Host", "mirror.test"), ("Host", "other.test")]))
    assert not is_sound(Heard("GET", TAG_PATH, HttpVersion11, two, True))


@pytest.mark.parametrize("path", [f"/v2/team/app/blobs/{SMALL_DIGEST}", TAG_PATH])
def test_cve_2020_13794_what_is_not_yours_looks_like_what_is_absent(served: MirrorThread, path: str) -> None:
    assert served.ask("GET", path).status == 200
    theirs = served.ask("GET", path.replace("team/app", "another/app"))
    absent = served.ask("GET", f"/v2/another/app/{path.split('/')[4]}/{ABSENT_DIGEST}")
    assert theirs.status == absent.status == 404
    codes = [json.loads(one.body)["errors"][0]["code"] for one in (theirs, absent)]
    assert codes[0] == codes[1]
    names = [{name for name, _ in one.headers} for one in (theirs, absent)]
    assert names[0] == names[1]


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0"])
def test_cve_2026_69243_nothing_hides_behind_an_upgrade(served: MirrorThread, protocol: str) -> None:
    hidden = request("GET", SMALL_PATH)
    with served.client() as client:
        client.send(
            request("GET", TAG_PATH, "Connection: Upgrade", f"Upgrade: {protocol}", f"Content-Length: {len(hidden)}"),
            hidden,
        )
        client.finish()
        assert client.answer().status == 400
        assert not client.has_more()


def test_cve_2025_69230_bad_cookies_are_no_reason_to_write(
    served: MirrorThread, caplog: pytest.LogCaptureFixture
) -> None:
    cookies = "; ".join(f"(CANARY{number}=[" for number in range(200))
    assert served.ask("GET", TAG_PATH, f"Cookie: {cookies}").status == 200
    assert "CANARY" not in caplog.text
    assert "cookie" not in caplog.text.lower()
    # Nothing of ours has them parsed, which is what writes.
    assert [path for path in SOURCES if re.search(r"\.cookies\b", path.read_text())] == []


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_harbor_23675_nothing_is_pushed_whoever_says_he_may(served: MirrorThread, method: str) -> None:
    before = served.call(lambda: len(served.registry.requests))
    for path in (TAG_PATH, "/v2/team/app/blobs/uploads/", f"/v2/team/app/blobs/{Digest.of(b'x')}"):
        for header in (
            "Authorization: Basic c2Nhbm5lcjp4",
            "X-Harbor-Scanner: 1",
            "User-Agent: harbor-scanner-adapter",
        ):
            assert served.ask(method, path, header, "Content-Length: 0").status == 405
    assert served.call(lambda: len(served.registry.requests)) == before


@pytest.mark.parametrize("tag", ["python/object/apply:os.mkdir", "python/object/new:os.mkdir", "python/name:os.mkdir"])
def test_cve_2020_14343_a_configuration_runs_nothing(tmp_path: Path, tag: str) -> None:
    trace = tmp_path / "trace"
    file = tmp_path / "mirror.yml"
    file.write_text(f"storage:\n  root: !!{tag} [{trace}]\n")
    with pytest.raises(ConfigurationError):
        load(file, {})
    assert not trace.exists()


@pytest.mark.parametrize(("advisory", "node"), HELD.items(), ids=HELD)
def test_another_test_holds(advisory: str, node: str) -> None:
    place, _, name = node.partition("::")
    tree = ast.parse((TESTS / place).read_text())
    assert Path(place).name.startswith("test_")
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
