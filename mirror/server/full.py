"""What a connection hears that is one too many: bytes that cost nothing to say. Knows no connection."""

from __future__ import annotations

from mirror.errors import Code
from mirror.server.errors import error_body

_BODY = error_body(Code.BUSY)
FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: mirror\r\nDocker-Distribution-Api-Version: registry/2.0\r\n"
    b"Cache-Status: mirror; detail=busy\r\n"
    b"Content-Type: application/json\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_BODY), _BODY)
)
