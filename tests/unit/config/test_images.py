"""What operators write of images that are to be kept ready."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.images import DAILY, Kept, Schedule, parse_kept, parse_schedule
from mirror.config.settings import Settings
from mirror.errors import Malformed
from mirror.oci.image_name import ImageName

DIGEST = "sha256:" + "0" * 64
NAMES = [
    "ubuntu",
    "ubuntu:14.04",
    "localhost.localdomain:5000/docker/ubuntu:14.04",
    "localhost/a",
    f"ghcr.io/owner/name@{DIGEST}",
    f"name:tag@{DIGEST}",
    "a/b__c/d-e:T_1",
]

CRON_FIELDS = st.text("0123456789*/-,#LWMONJA\N{SUPERSCRIPT TWO}\N{ARABIC-INDIC DIGIT TWO}", min_size=1, max_size=6) | (
    st.sampled_from(["*", "*/2", "*/31", "30", "31", "2", "1#5", "5L", "LW", "FEB", "MON-FRI"])
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_alone_is_kept_ready_every_day(name: str) -> None:
    assert parse_kept(name) == Kept(name, None, (), Schedule(DAILY))
    ImageName.parse(name)  # as it is read when its time has come


@pytest.mark.parametrize("name", ["", "UPPER", "a:b:c", "a b", "-a", "a//b", "a@sha256:12", "a:" + "x" * 129, 3, None])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="image"):
        parse_kept(name)
    if isinstance(name, str):
        with pytest.raises(Malformed):
            ImageName.parse(name)


def test_an_entry_says_which_for_what_and_when() -> None:
    file, platforms = Path("/etc/mirror/images.txt"), ("linux/amd64", "linux/arm64/v8")
    entry = {"file": str(file), "platforms": [*platforms], "schedule": " 30  2 * * 1-5 "}
    schedule = Schedule("30 2 * * 1-5")
    assert parse_kept(entry) == Kept(None, file, platforms, schedule)
    assert parse_kept({"image": "a", "platforms": "linux/arm64"}).platforms == ("linux/arm64",)
    friday = datetime(2026, 3, 6, 2, 30)
    assert schedule.after(friday) == datetime(2026, 3, 9, 2, 30)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "one of the two"),
        ({"image": "a", "file": "b"}, "one of the two"),
        ({"image": "a", "when": "now"}, "beside image, file, platforms and schedule"),
        ({"image": "a", "platforms": ["amd 64"]}, "linux/arm64"),
        ({"image": "a", "platforms": [3]}, "linux/arm64"),
        ({"image": "a", "schedule": "daily"}, "five fields"),
        ({"image": "a", "schedule": 5}, "five fields"),
        ({"image": "a", "schedule": "61 * * * *"}, "names no time"),
        ({"image": "a", "schedule": "30 2 30 2 *"}, "names no time"),
        ({"image": "a", "schedule": "0 0 */31 2 1#5"}, "names no time"),  # the first of February, if a fifth Monday
        ({"file": "a\x00b"}, "not a path"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(entry: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_kept(entry)


@given(st.lists(CRON_FIELDS, min_size=5, max_size=5).map(" ".join))
def test_five_fields_have_a_next_time_or_are_refused(expression: str) -> None:
    try:
        schedule = parse_schedule(expression)
    except ValueError:
        return
    moment = datetime(2026, 11, 22, 7, 30)
    assert schedule.after(moment) > moment


def test_the_rarest_date_there_is_is_found() -> None:
    assert parse_schedule("0 0 29 2 */7").after(datetime(2088, 3, 1)) == datetime(2128, 2, 29)  # 2100 has no such day


def test_values_are_taken_as_they_are() -> None:
    kept = parse_kept("a")
    assert parse_kept(kept) is kept
    assert parse_schedule(kept.schedule) is kept.schedule
    assert Settings.model_validate({"images": ["a", {"image": "b"}]}).images == (kept, parse_kept("b"))
    assert Settings.model_validate({"images": "a"}).images == (kept,)
