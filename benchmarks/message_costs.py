"""What a whole check-in by SMS costs in each language: the messages we send and the segments we pay for."""

from __future__ import annotations

import argparse

import uvloop

from benchmarks.checkin import check_rows
from benchmarks.product import product
from benchmarks.telling import Found, tell
from domain.contact import URN
from domain.message import Received
from domain.sms import segments
from store.history import history

#: Somebody's first check-in, with nothing misunderstood: consent, six numbers, no comment, not again.
#: 1 and 2 are Yes and No as they are numbered; SKIP is understood in every language.
SCRIPT = ("CHECKIN", "1", "7", "8", "5", "3", "6", "9", "SKIP", "2")


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.message_costs", description=__doc__).parse_args()
    tell(lambda: uvloop.run(_measure()))


async def _measure() -> Found:
    found: dict[str, object] = {}
    async with product() as app:
        for number, (tag, language) in enumerate(app.library.languages.items()):
            person = URN("tel", f"+44770090{number:04}")
            for n, words in enumerate(SCRIPT):
                await app.dispatcher.submit(Received("sms", f"{tag}/{n}", person, words, None, tag))
            messages = [m for m in await history(app.database, app.vault, person) if m.ours]
            found[tag] = {
                "language": language.english_name,
                "draft": language.reviewed_by is None,
                "messages": len(messages),
                "segments": sum(segments(m.text).count for m in messages),
                "dearest": max(segments(m.text).count for m in messages),
            }
        await check_rows(app.database, {"sessions WHERE outcome = 'completed'": len(found), "alerts": 0})
        for tag in found:
            await check_rows(app.database, {f"consents WHERE language = '{tag}'": 1})
    return {"script": " ".join(SCRIPT), "languages": found}


if __name__ == "__main__":
    main()
