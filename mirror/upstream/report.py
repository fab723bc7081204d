"""One HTTP request, and what became of it: for who makes it, and for the figures and the log. Makes none itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from yarl import URL

from mirror.errors import Code, UpstreamError
from mirror.log import tracing
from mirror.upstream import origins


@dataclass(frozen=True, slots=True)
class Request:
    """`operation` is what it is for: a question to the registry by its name, `search`, or `token`."""

    operation: str
    method: str
    url: URL = field(repr=False)  # signed addresses are secrets as well
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    repository: str = ""  # what is asked for, where that is known
    reference: str = ""  # its tag or digest

    @property
    def counted(self) -> bool:
        """Whether a registry that counts pulls counts this one; a HEAD is free (Docker Hub)."""
        return self.method == "GET" and self.operation in ("manifest", "head_manifest")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of one request, for log and metrics. `bytes` is the answer's body as far as it was read.

    `status` is None when there was no answer; `failure` is a word when the exchange itself failed: `timeout`,
    `unreachable`, `interrupted`, `nonsense`, `frozen` or `cancelled`. A refusal is no failure: that is in the status.
    `request_id` is that of the client's request for which it was made, if there was one; `prefetch`: ahead of the next.
    """

    upstream: str
    operation: str
    method: str
    endpoint_host: str
    status: int | None
    seconds: float
    bytes: int
    failure: str | None
    request_id: str | None = None
    repository: str = ""
    reference: str = ""
    prefetch: bool = False


Observe = Callable[[Exchange], None]


class Report:
    """Tells the observer about one exchange, once, when it is over."""

    def __init__(self, upstream: str, request: Request, observe: Observe, *over: Callable[[], None]) -> None:
        """`over` are called, too, when it is over."""
        self.upstream = upstream
        self.place = origins.place(request.url)
        self.status: int | None = None
        self.bytes = 0
        self._request = request
        self._observe: Observe | None = observe
        self._over = list(over)
        self._request_id = tracing.current()
        self._prefetch = tracing.is_ahead()
        self._began = time.monotonic()

    def then(self, over: Callable[[], None]) -> None:
        """Call this, too, when it is over."""
        self._over.append(over)

    def end(self, failure: str | None = None) -> None:
        observe, self._observe = self._observe, None
        if observe is not None:
            for over in self._over:
                over()
            seconds = time.monotonic() - self._began
            request = self._request
            observe(
                Exchange(
                    self.upstream,
                    request.operation,
                    request.method,
                    self.place,
                    self.status,
                    seconds,
                    self.bytes,
                    failure,
                    self._request_id,
                    request.repository,
                    request.reference,
                    self._prefetch,
                )
            )

    def failed(self, error: UpstreamError) -> UpstreamError:
        """Ends the exchange with this failure, and gives it back to be raised."""
        self.end("timeout" if error.code is Code.TIMEOUT else type(error).__name__.lower())
        return error
