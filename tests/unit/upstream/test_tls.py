from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import structlog
import trustme
from cryptography.hazmat.primitives import serialization

from mirror.config.settings import Upstream
from mirror.errors import ConfigurationError
from mirror.upstream.tls import Tls
from tests.support.authority import Authority
from tests.support.clock import Clock


def _client(authority: Authority, directory: Path) -> tuple[Path, Path]:
    certificate, key = authority.server_files("client.test")
    return certificate.rename(directory / "client.pem"), key.rename(directory / "client.key")


async def test_without_files_there_is_one_context_that_verifies() -> None:
    contexts = await Tls("fake", Upstream()).contexts()
    assert contexts.own is contexts.foreign
    assert contexts.own is (await Tls("another", Upstream()).contexts()).own
    assert contexts.own.verify_mode is ssl.CERT_REQUIRED
    assert contexts.own.check_hostname


async def test_both_contexts_verify_alike(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = _client(authority, tmp_path)
    upstream = Upstream(ca_file=authority.ca_file, client_certificate=certificate, client_key=key)
    contexts = await Tls("fake", upstream).contexts()
    assert contexts.own is not contexts.foreign
    for context in (contexts.own, contexts.foreign):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert any("trustme" in str(one["subject"]) for one in context.get_ca_certs())


async def test_the_hosts_of_a_pattern_share_their_contexts_until_a_file_changes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("client.test")
    upstream = Upstream(ca_file=authority.ca_file, client_certificate=certificate, client_key=key)
    one, other = await Tls("one.test", upstream).contexts(), await Tls("other.test", upstream).contexts()
    assert one.own is other.own
    assert one.foreign is other.foreign
    os.utime(key, (1, 1))
    assert (await Tls("third.test", upstream).contexts()).own is not one.own


async def test_files_that_change_are_taken_up_within_seconds(tmp_path: Path) -> None:
    clock, authority = Clock(), Authority(tmp_path)
    tls = Tls("fake", Upstream(ca_file=authority.ca_file), clock)
    before = await tls.contexts()
    clock.advance(5)
    assert await tls.contexts() is before
    trustme.CA(organization_name="rotated").cert_pem.write_to_path(str(authority.ca_file))
    assert await tls.contexts() is before
    clock.advance(5)
    with structlog.testing.capture_logs() as logs:
        after = await tls.contexts()
    assert any("rotated" in str(one["subject"]) for one in after.own.get_ca_certs())
    assert [(log["log_level"], log["upstream"]) for log in logs] == [("info", "fake")]


async def test_while_changed_files_cannot_be_used_the_last_ones_are(tmp_path: Path) -> None:
    clock, authority = Clock(), Authority(tmp_path)
    certificate, key = _client(authority, tmp_path)
    tls = Tls("fake", Upstream(client_certificate=certificate, client_key=key), clock)
    before = await tls.contexts()
    fresh = trustme.CA().issue_cert("client.test")
    fresh.cert_chain_pems[0].write_to_path(str(certificate))  # and its key not yet
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            clock.advance(5)
            assert await tls.contexts() is before
    assert [log["log_level"] for log in logs] == ["warning"]
    fresh.private_key_pem.write_to_path(str(key))
    clock.advance(5)
    assert await tls.contexts() is not before
    certificate.unlink()
    clock.advance(5)
    assert await tls.contexts()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_used_is_the_operators_error(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"^upstreams\.fake\.ca_file: "):
        Tls("fake", Upstream(ca_file=file))


def test_a_client_certificate_that_cannot_be_used_is_the_operators_error(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = _client(authority, tmp_path)
    text, none = tmp_path / "text", tmp_path / "none"
    text.write_text("canary")
    other = tmp_path / "other.key"
    trustme.CA().issue_cert("client.test").private_key_pem.write_to_path(str(other))
    for client_certificate, client_key, place, words in (
        (none, key, "client_certificate", "cannot be read"),
        (certificate, none, "client_key", "cannot be read"),
        (text, key, "client_key", "no certificate in PEM with the private key"),
        (certificate, text, "client_key", "no certificate in PEM with the private key"),
        (certificate, other, "client_key", "no certificate in PEM with the private key"),
    ):
        with pytest.raises(ConfigurationError, match=rf"^upstreams\.fake\.{place}: .*{words}") as caught:
            Tls("fake", Upstream(client_certificate=client_certificate, client_key=client_key))
        assert "canary" not in str(caught.value)


def test_a_key_with_a_passphrase_is_the_operators_error_and_asks_nobody(tmp_path: Path) -> None:
    certificate, key = _client(Authority(tmp_path), tmp_path)
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    sealed = serialization.BestAvailableEncryption(b"canary")
    key.write_bytes(
        loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, sealed)
    )
    with pytest.raises(ConfigurationError, match=r"^upstreams\.fake\.client_key: is encrypted"):
        Tls("fake", Upstream(client_certificate=certificate, client_key=key))
