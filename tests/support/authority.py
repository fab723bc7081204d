"""A certificate authority of the test's own, and servers' TLS contexts from it."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """`ca_file` is its certificate in PEM."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = trustme.CA()
        self.ca_file = directory / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def server(self, *names: str) -> ssl.SSLContext:
        """The context of a server that shows a certificate for these names and addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context

    def server_files(self, *names: str) -> tuple[Path, Path]:
        """The same in PEM files, certificate and key, for a server that reads its own configuration."""
        issued = self._authority.issue_cert(*names)
        certificate, key = self._directory / "server.pem", self._directory / "server.key"
        for number, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(str(certificate), append=number > 0)
        issued.private_key_pem.write_to_path(str(key))
        return certificate, key

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """The context of a client that trusts this authority, and shows a certificate of it if it has a name."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if name is not None:
            self._authority.issue_cert(name).configure_cert(context)
        return context
