"""The upstream of the benchmark, in this process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from bench.links import Link
from bench.upstream import Upstream


@contextlib.contextmanager
def serving(directory: Path, link: Link) -> Iterator[Upstream]:
    """An upstream that serves what lies below `directory` until this is left."""
    upstream = Upstream(directory, link)
    thread = threading.Thread(target=upstream.run, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.close()
        thread.join(10)
