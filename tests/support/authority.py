"""A certificate authority of the test's own, and servers' TLS contexts from it."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """`ca_file` is its certificate in PEM."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = directory / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def server(self, *names: str) -> ssl.SSLContext:
        """The context of a server that shows a certificate for these names and addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context
