"""One thread yields the disk to all others, and no other thread does."""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor

from mirror.store.leisure import read_at_leisure
from tests.support.leisure import reads_at_leisure


def test_only_the_thread_that_asks_for_it_reads_at_leisure() -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        had = one.submit(read_at_leisure).result()
        assert had is (platform.machine() in ("x86_64", "aarch64", "riscv64", "loongarch64", "ppc64le", "s390x"))
        assert one.submit(reads_at_leisure).result() is had
        assert not other.submit(reads_at_leisure).result()
    assert not reads_at_leisure()
