"""What the connections to an upstream share with the rest of the mirror, or find in the place of the world in tests."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver

from mirror.allowance import Allowance
from mirror.upstream.concord import Concord
from mirror.upstream.contact import Contact


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`resolver` is the system's unless there is another, which its owner closes; `contact` is the whole mirror's gate.

    `environment` is where a proxy is looked for when the upstream has none of its own. `clock` is monotonic, in
    seconds, `jitter` a number from 0 to 1, and `sleep` waits for so many seconds. `download` is what blobs from all
    upstreams together keep to, `concord` what sibling processes tell of them.
    """

    resolver: AbstractResolver | None = None
    contact: Contact = field(default_factory=Contact)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    download: Allowance | None = None
    concord: Concord = field(default_factory=Concord.alone)
