"""`mime calls` as a coordinator runs it, in real processes."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import insert, update

from bot.app import build, utc_now
from domain.contact import URN
from domain.message import Received
from store import tables as t
from store.team import raise_alert
from tests.conftest import settings_for
from tests.process import command, environment

ANN, BEN = URN.parse("tel:+447700900101"), URN.parse("tel:+447700900102")


async def mime(folder: Path, *words: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, allow_test_numbers="true"), *words)


async def two_on_one_phone(folder: Path) -> None:
    """Ann is worried, Ben wants a person; Ben shares Ann's phone, and has one of his own."""
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    app = build(settings_for(*urls), simulate=True)
    try:
        for n, urn in enumerate((ANN, BEN)):
            await app.dispatcher.handle([Received("sms", f"in-{n}", urn, "hello", None)], utc_now())
        async with app.database.begin() as tx:
            for urn, kind, name in ((ANN, "worried", "Ana"), (BEN, "person", "Benedict")):
                key = app.vault.find(str(urn))
                query = t.urns.select().where(t.urns.c.key == key)
                id = (await tx.execute(query)).one().contact_id
                await raise_alert(tx, app.ids(), kind, id, "", key, "sms", utc_now())
                sealed = app.vault.seal(f'["{name}", "{name}"]'.encode(), id)
                row = {"contact_id": id, "field": "nickname", "sealed": sealed, "source": "self", "said_at": 1}
                await tx.execute(insert(t.profile).values(row))
                hours = {"language": "ur", "hours": "11:00-20:00 01234"}
                await tx.execute(update(t.contacts).where(t.contacts.c.id == id).values(hours))
            shared = {"urn_key": app.vault.find(str(ANN)), "contact_id": id, "created_at": 1}
            await tx.execute(insert(t.sharers).values(**shared, sealed=app.vault.seal(b"Ben", id)))
    finally:
        await app.close()


async def test_the_list_says_whom_to_call_and_done_takes_them_off_it(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    assert (await mime(tmp_path, "calls", "list"))[:2] == (0, "Nobody is to be called.\n")
    await two_on_one_phone(tmp_path)
    code, out, err = await mime(tmp_path, "calls", "list", "--partner", "Mind in Harwich")
    assert (code, err) == (0, "")
    first, second = out.index("1. Benedict  +447700900102, +447700900101"), out.index("2. Ana  +447700900101\n")
    assert first < second
    assert re.search(r"asked to talk to a person on \d\d \w{3}, and nobody has taken it", out)
    assert "Language: Urdu" in out
    assert "Call at: " in out
    assert "2 to call." in out
    assert "Hello Mind in Harwich. 0 of the people" in out
    assert "1 are shown" in (await mime(tmp_path, "calls", "list", "--limit", "1"))[1]

    done = ("calls", "done", "07700 900101")
    code, _, err = await mime(tmp_path, *done, "reached")
    assert (code, "say whom you called, with --name" in err) == (1, True)
    code, out, err = await mime(tmp_path, *done, "not-reached", "--name", "ana", "--again", "2099-01-02T11:00")
    assert (code, out, err) == (0, "Noted: not reached. Try again Fri 02 Jan at 11:00.\n", "")
    code, out, _ = await mime(tmp_path, *done, "reached", "--note", "wants a lift")  # Ben alone is on the list now
    assert (code, out) == (0, "Noted: you talked.\n")
    assert (await mime(tmp_path, "calls", "list"))[1] == "Nobody is to be called.\n"
    assert (await mime(tmp_path, "alerts"))[1].count("wants to talk") == 0


async def test_what_makes_no_sense_is_said_and_nothing_is_noted(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    for words, says in (
        (("07700 900101", "reached"), "we know nobody of that number: see mime calls list"),
        (("hello", "reached"), "NUMBER: this is no phone number"),
        (("telegram:4711", "reached", "--name", "Jo"), "we know nobody of that number and name"),
        (("07700 900101", "reached", "--again", "2099-01-02"), "--again is for not-reached"),
        (("07700 900101", "not-reached", "--again", "2020-01-02"), "--again has passed"),
        (("07700 900101", "reached", "--note", "x" * 501), "501 letters long"),
    ):
        code, out, err = await mime(tmp_path, "calls", "done", *words)
        assert (code, out) == (1, "")
        assert says in err
    assert (await mime(tmp_path, "calls", "done", "07700 900101", "shouted"))[0] == 2
