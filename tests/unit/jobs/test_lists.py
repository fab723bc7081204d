"""Lists of images, as they are read and written."""

from __future__ import annotations

import pytest

from mirror.errors import Malformed
from mirror.jobs.lists import MOST, Entry, parse_list, written
from mirror.oci.image_name import ImageName

ALPINE = ImageName("docker.io", "library/alpine", "3.20")


def test_a_line_is_an_image_and_its_platforms() -> None:
    text = "# for the lab\n\nubuntu\n docker.io/library/alpine:3.20\tlinux/amd64,arm64  # pulled\r\nubuntu\n"
    assert parse_list(text) == (
        Entry(ImageName(None, "ubuntu", "latest")),
        Entry(ALPINE, ("linux/amd64/v1", "linux/arm64/v8")),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ubuntu\nNOT A NAME\n", "line 2: an image, then its platforms"),
        ("UPPER", "line 1: not a repository name"),
        ("a linux/a,", "line 1: not a platform"),
        ("a:b:c", "line 1: not a tag"),
    ],
)
def test_the_first_line_that_is_none_is_told(text: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        parse_list(text)


def test_a_list_has_an_end() -> None:
    with pytest.raises(Malformed, match="more than"):
        parse_list("\n".join(f"a{number}" for number in range(MOST + 1)))


def test_what_is_written_is_read_as_it_was() -> None:
    entries = [Entry(ALPINE, ("linux/amd64/v1", "linux/arm/v7")), Entry(ImageName("a.test", "b", "c"))]
    lines = list(written([(entries[0], "remark"), (entries[1], "")]))
    assert lines == ["docker.io/library/alpine:3.20 linux/amd64/v1,linux/arm/v7  # remark", "a.test/b:c"]
    assert list(parse_list("\n".join(lines))) == entries
