"""All receivers: each told of each move once, and of the end of none."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from mirror.config.notifications import Receiver
from mirror.config.settings import Settings
from mirror.notices.envelope import Source
from mirror.notices.notices import Notices, noticing
from mirror.store.journal import Move, Sighting
from mirror.upstream.surroundings import Surroundings
from tests.support.caches import blob, store_at
from tests.support.hooks import hooked

ONE, TWO = str(blob(1)[0]), str(blob(2)[0])
MOVE = Move("ghcr.io", "owner/name", "prod", ONE, TWO, 1.0, "192.0.2.7")
SOURCE = Source("http://host:5000", "host:5000", "run")


async def test_every_receiver_is_told_and_one_that_hangs_holds_up_no_other() -> None:
    async with hooked() as hangs, hooked() as works:
        hangs.held.clear()
        numbers = itertools.count(1)
        notices = Notices(SOURCE, lambda: str(next(numbers)))
        notices.add([Receiver.model_validate({"url": url}) for url in (hangs.url, works.url)], {})
        notices.tell(MOVE)
        notices.tell(MOVE)
        assert [posted.event["id"] for posted in await works.came(2)] == ["1", "2"]
        assert [posted.event["id"] for posted in await hangs.came(1)] == ["1"]
        hangs.held.set()
        await notices.aclose()
        assert [posted.event["id"] for posted in hangs.posted] == ["1", "2"]
        assert (notices.told, notices.dropped) == (4, 0)


async def test_without_receivers_there_is_nothing_to_do() -> None:
    notices = Notices(SOURCE)
    notices.add([], {})
    notices.tell(MOVE)
    await notices.aclose()
    assert (notices.told, notices.dropped) == (0, 0)


async def test_what_the_journal_notes_is_told_as_it_is_configured(tmp_path: Path) -> None:
    async with hooked() as hook, store_at(tmp_path) as store:
        settings = Settings.model_validate(
            {
                "storage": {"journal": 7},
                "notifications": {"endpoints": [{"url": hook.url}]},
                "server": {"listen": "127.0.0.1:5005"},
            }
        )
        journal = store.facts.journal
        notices = noticing(settings, journal, Surroundings())
        assert journal.kept == 7
        for when, digest in enumerate((ONE, TWO)):
            journal.note(Sighting("ghcr.io", "owner/name", "prod", digest, None, when))
        (posted,) = await hook.came(1)
        await notices.aclose()
    assert posted.event["target"]["digest"] == TWO
    assert posted.event["target"]["url"].endswith(f":5005/v2/ghcr.io/owner/name/manifests/{TWO}")
    assert json.loads(posted.body)["events"][0]["source"]["instanceID"]
