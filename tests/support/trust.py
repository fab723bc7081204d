"""Fixtures of who is trusted and who is not. Each conftest imports those that its tests need."""

from __future__ import annotations

import pytest

from tests.support.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that signs what the tests of one file need."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that has signed nothing here."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(autouse=True)
def few_authorities(stranger: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading all that the system trusts would take a good part of the time of hundreds of mirrors."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.ca_file))
