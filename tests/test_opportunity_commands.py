"""`mime opportunity` as a coordinator runs it, in real processes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from bot.app import build, utc_now
from bot.commands.opportunity import Kind
from domain.contact import URN
from domain.message import Received
from domain.opportunity import OpportunityKind
from store import fires, opportunities, people
from store.opportunities import Shown
from tests.conftest import settings_for
from tests.process import command, environment

ANA = URN.parse("tel:+447700900101")
GIVEN = ("opportunity", "add", "--kind", "tender_panel", "--title", "Choosing a new service", "--closes")


async def mime(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, **settings), *words)


async def asked_by_ana(folder: Path, number: int) -> None:
    """She writes to us, and puts herself forward, beside the commands on the same store."""
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    app = build(settings_for(*urls), simulate=True)
    try:
        await app.dispatcher.handle([Received("sms", "in-1", ANA, "hello", None)], utc_now())
        async with app.database.begin() as tx:
            found = await opportunities.numbered(tx, number, utc_now())
            contact_id = (await tx.exec_driver_sql("SELECT id FROM contacts")).scalar_one()
            address = await people.address_of(tx, contact_id)
            assert found is not None
            assert address is not None
            shown = await opportunities.show_interest(tx, app.ids, found.id, address, utc_now())
            assert shown is Shown.SHOWN
    finally:
        await app.close()


async def due(folder: Path) -> list[str]:
    urls = (f"sqlite+aiosqlite:///{folder}/mime.db", f"sqlite+aiosqlite:///{folder}/evaluation.db")
    app = build(settings_for(*urls), simulate=True)
    try:
        return [one.kind for one in await fires.due(app.database, utc_now())]
    finally:
        await app.close()


def test_every_kind_can_be_offered() -> None:
    assert get_args(Kind) == tuple(kind.value for kind in OpportunityKind)


async def test_an_opportunity_is_offered_shown_and_withdrawn_by_commands(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    assert (await mime(tmp_path, "opportunity", "list"))[:2] == (0, "There is no opportunity.\n")
    code, out, err = await mime(
        tmp_path, *GIVEN, "2999-03-01", "--about", "Two days in\nChelmsford.", "--criterion", "living in North Essex",
        "--criterion", "of working age", "--payment", "£20 an hour. Ask us about benefits first.", "--publish",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out == "1  tender panel: Choosing a new service: open until 01 Mar 2999 23:59.\n"
    listed = "1  tender panel: Choosing a new service: open until 01 Mar 2999 23:59; {} asked for it\n"
    assert (await mime(tmp_path, "opportunity", "list"))[1] == listed.format(0)
    await asked_by_ana(tmp_path, 1)
    assert (await mime(tmp_path, "opportunity", "list"))[1] == listed.format(1)
    shown = (await mime(tmp_path, "opportunity", "show", "1"))[1].splitlines()
    assert shown[:7] == [
        "1  tender panel: Choosing a new service",
        "Two days in Chelmsford.",
        "For people who are living in North Essex",
        "For people who are of working age",
        "Payment: £20 an hour. Ask us about benefits first.",
        "It is open until 01 Mar 2999 23:59.",
        "1 asked for it:",
    ]
    assert shown[7].startswith(f"  {ANA}, ")
    given = ("opportunity", "withdraw", "1", "--why", "The service chose another way.")
    code, out, err = await mime(tmp_path, *given)  # nobody is there to say yes
    assert (code, "1 asked for it, and will be told. Withdraw it? [y/N]:" in out, "--yes" in err) == (1, True, True)
    assert "opportunity" not in await due(tmp_path)
    code, out, err = await mime(tmp_path, *given, "--yes")
    assert (code, err) == (0, "")
    assert out == "Opportunity 1 is withdrawn. The one person who asked for it is told why.\n"
    assert "opportunity" in await due(tmp_path)
    shown = (await mime(tmp_path, "opportunity", "show", "1"))[1].splitlines()
    assert shown[5:7] == ["It is withdrawn.", "Why: The service chose another way."]
    code, _, err = await mime(tmp_path, "opportunity", "withdraw", "1", "--why", "Again.")
    assert (code, err) == (1, "opportunity 1 is withdrawn already\n")


async def test_a_draft_is_published_by_a_command(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    code, out, _ = await mime(tmp_path, *GIVEN, "2999-03-01T17:00")
    assert code == 0
    assert out.endswith("It is a draft: only the team sees it. To publish it: mime opportunity publish 1\n")
    assert "a draft until 01 Mar 2999 17:00; 0 asked" in (await mime(tmp_path, "opportunity", "list"))[1]
    assert (await mime(tmp_path, "opportunity", "publish", "1"))[:2] == (0, "Opportunity 1 is published.\n")
    code, _, err = await mime(tmp_path, "opportunity", "publish", "1")
    assert (code, "is no draft" in err) == (1, True)
    code, out, _ = await mime(tmp_path, "opportunity", "withdraw", "1", "--why", "It was a mistake.")
    assert (code, out) == (0, "Opportunity 1 is withdrawn. Nobody had asked for it.\n")


async def test_a_mistake_is_answered_with_a_sentence_and_offers_nothing(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    add = ("add", "--kind", "lay_assessor", "--closes", "2999-03-01")
    for words, code, says in (
        ((*GIVEN[1:], "2020-01-01"), 1, "--closes: it has passed"),
        ((*add, "--title", "!?"), 1, "--title: it has no letter in it"),
        ((*add, "--title", "x" * 81), 1, "--title: longer than 80 letters"),
        ((*add, "--title", "Visits", "--about", "x" * 601), 1, "--about: longer than 600 letters"),
        ((*add, "--title", "Visits", "--criterion", " "), 1, "--criterion: it does not say whom this is for"),
        ((*add, "--title", "Visits", "--kind", "gossip"), 2, "Usage"),
        (add, 2, "Usage"),
        (("show", "7"), 1, "there is no opportunity 7: see mime opportunity list"),
        (("show", "first"), 2, "Usage"),
        (("show", "99999999999"), 2, "Usage"),
        (("withdraw", "7", "--why", "No."), 1, "there is no opportunity 7"),
        (("withdraw", "7", "--why", " "), 1, "--why has no letter"),
        (("withdraw", "7"), 2, "Usage"),
    ):
        ended, out, err = await mime(tmp_path, "opportunity", *words)
        assert (words, ended, out) == (words, code, "")
        assert says in err
        assert "Traceback" not in err
    assert (await mime(tmp_path, "opportunity", "list"))[1] == "There is no opportunity.\n"


async def test_without_a_store_or_a_key_a_sentence_says_so(tmp_path: Path) -> None:
    code, _, err = await mime(tmp_path, "opportunity", "list")
    assert (code, "mime check" in err, "Traceback" in err) == (1, True, False)
    code, _, err = await mime(tmp_path, "opportunity", "list", secret_key="short")
    assert (code, "MIME_SECRET_KEY" in err) == (1, True)
