"""Text in, text out, and never a file. What somebody may have forged is in the test of the catalog."""

from __future__ import annotations

from pathlib import Path

import diskcache
import pytest

from mirror.store.text_cache import TextCache, TextDisk


def test_text_is_what_it_was_in_whatever_amount(tmp_path: Path) -> None:
    long = "x" * 1_000_000  # the library would keep it in a file
    cache = TextCache(tmp_path)
    cache.set("name", "a fact")
    cache.set("long", long)
    assert (cache.get("name"), cache.get("long") == long, list(cache)) == ("a fact", True, ["name", "long"])
    cache.close()
    assert [file.name for file in tmp_path.iterdir()] == ["cache.db"]


@pytest.mark.parametrize("thing", [b"bytes", 5, 1.5, None, ["list"], object()])
def test_nothing_but_text_is_put_in(tmp_path: Path, thing: object) -> None:
    disk = TextDisk(str(tmp_path))
    with pytest.raises(ValueError, match="text only"):
        disk.put(thing)
    with pytest.raises(ValueError, match="text only"):
        disk.store(thing, False)
    with pytest.raises(ValueError, match="no files"):
        disk.store("text", True)
    with pytest.raises(ValueError, match="not text"):
        disk.fetch(diskcache.core.MODE_RAW, None, "text", True)
    assert list(tmp_path.iterdir()) == []
