"""Two contacts that turn out to be one person, on both databases: LINK on one phone, and the code from the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from store import fires, merging
from store import tables as t
from store.tables import metadata
from tests.bot.test_rights import (
    CHECKIN,
    COMMENT,
    answers,
    assert_nothing_is_left,
    code_in,
    contact,
    delete_last,
    evaluated,
    forget,
    join_team,
    kept,
    link_carer,
    pushed,
    records,
    rows_of,
    say,
    sent,
    session_answers,
    traces,
)
from tests.conftest import World
from tests.events import an_event, counted, put_event

ANN, TESS, BEN, KIM = "tel:+447700900101", "telegram:500177123", "tel:+447700900102", "telegram:500288234"
WRONG = ("0000 0001", "0000 0002", "0000 0003", "0000 0004")


async def link(world: World, made_by: str, sent_by: str) -> list[str]:
    """The code is asked for on one phone and sent from the other; what that is answered with."""
    return await say(world, sent_by, code_in(await say(world, made_by, "LINK")))


def linked(world: World) -> str:
    return world.app.library.phrases["en"].linked


def phrase(world: World, name: str) -> str:
    return str(getattr(world.app.library.phrases["en"], name))


async def joined(world: World, *, made_by: str = ANN, sent_by: str = TESS) -> int:
    """The one contact that they are now."""
    gone = await contact(world, sent_by)
    assert await link(world, made_by, sent_by) == [linked(world)]
    assert await contact(world, made_by) == await contact(world, sent_by)
    assert not any((await rows_of(world, gone)).values())
    return await contact(world, made_by)


# One person


async def test_a_phone_and_a_telegram_account_become_one_person(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "Annabel", "1", "6", "hello")
    await say(world, TESS, *CHECKIN, COMMENT, "no", "hello")
    before = [await rows_of(world, await contact(world, who)) for who in (ANN, TESS)]
    id = await joined(world)
    after = await rows_of(world, id)
    assert len(after["contacts"]) == 1
    assert {row["key"] for row in after["urns"]} == {world.app.vault.find(ANN), world.app.vault.find(TESS)}
    for table in ("answers", "sessions", "consents", "profile"):
        assert len(after[table]) == sum(len(rows[table]) for rows in before), table
    assert len(after["inbox"]) == sum(len(rows["inbox"]) for rows in before) + 2  # LINK, and the code
    vault = world.app.vault
    for table in ("urns", "sessions", "inbox", "outbox", "answers", "profile"):
        for row in after[table]:
            vault.open(row["sealed"], id)  # or WrongKey


async def test_answers_go_to_the_evaluation_store_under_one_pseudonym(world: World) -> None:
    await say(world, ANN, *CHECKIN)
    await say(world, TESS, *CHECKIN, COMMENT, "no")
    await pushed(world)
    before = [record async for record in world.app.evaluation.stream()]
    gone = world.app.vault.participant(await contact(world, TESS))
    id = await joined(world)
    await pushed(world)
    found = await records(world)
    assert {record.participant for record in found} == {world.app.vault.participant(id)} != {gone}
    assert sorted((r.response, r.question, r.value) for r in found) == sorted(
        (r.response, r.question, r.value) for r in before
    )
    assert await everything_of(world, gone) == 0


async def everything_of(world: World, participant: str) -> int:
    """The records of a pseudonym, also those that were withdrawn."""
    async with world.app.evaluation.engine.connect() as connection:
        found = await connection.exec_driver_sql(f"SELECT COUNT(*) FROM records WHERE participant = '{participant}'")
        return int(found.scalar_one())


async def test_the_old_pseudonym_keeps_nothing_that_was_withdrawn_or_is_kept_nowhere_else(world: World) -> None:
    """What the operational store has no more cannot be moved: under a pseudonym of nobody it could never be erased."""
    await say(world, TESS, *CHECKIN)
    await pushed(world)
    await delete_last(world, TESS)
    await pushed(world)
    gone = world.app.vault.participant(await contact(world, TESS))
    async with world.app.database.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM answers WHERE question = 'content'")
    await say(world, ANN, "hello")
    await joined(world)
    await pushed(world)
    assert await everything_of(world, gone) == 0
    assert {record.question for record in await records(world)} == {"matters", "mood", "worry", "heard"}
    world.clock.forward(timedelta(hours=2))
    await pushed(world)
    rows = await world.rows("SELECT participant FROM erasures WHERE reference LIKE 'joined-%'")
    assert rows == [(None,)]


async def test_who_is_forgotten_after_it_leaves_nothing_under_either_pseudonym(world: World) -> None:
    """Also where the evaluation store was away all the time in between."""
    await say(world, ANN, *CHECKIN, COMMENT)
    await say(world, TESS, *CHECKIN, COMMENT, "no")
    await pushed(world)
    found = await traces(world, ANN, words=(COMMENT,))
    other = await traces(world, TESS)
    await joined(world)
    both = await traces(world, ANN)
    for one in (other, both):
        found.ids |= one.ids
        found.keys |= one.keys
        found.sealed |= one.sealed
        found.words |= one.words
    found.ids -= found.keys
    await forget(world, TESS)
    await assert_nothing_is_left(world, found)
    assert len(await world.rows("SELECT key FROM opt_outs")) == 2


async def test_consents_of_both_count_and_a_withdrawn_one_stays_withdrawn(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "skip", "skip", "skip")
    await say(world, TESS, "TAKE PART", "yes", "yes", "no")
    await say(world, TESS, "JOIN", "yes", "skip", "skip", "skip")
    await say(world, ANN, "STOP NEWS")
    id = await joined(world)
    ((consents,),) = await world.rows(f"SELECT consents FROM contacts WHERE id = {id}")
    assert consents == "invitations questionnaires"
    assert len((await rows_of(world, id))["consents"]) == 6


async def test_answers_of_their_own_that_both_gave_are_those_of_who_asked_for_the_code(world: World) -> None:
    await say(world, ANN, "JOIN", "yes", "Annabel", "1", "6")
    await say(world, TESS, "JOIN", "yes", "Tessie", "2", "skip")
    await say(world, TESS, "NEEDS", "2", "3", "no", "after 11")
    id = await joined(world)
    assert (await kept(world, ANN))["nickname"] == "Annabel"
    assert (await kept(world, ANN))["reading"] == ["large_print"]
    assert await world.rows(f"SELECT hours FROM contacts WHERE id = {id}") == [("11:00-00:00 0123456",)]


async def test_hours_of_who_asked_for_the_code_win(world: World) -> None:
    await say(world, ANN, "NEEDS", "2", "3", "no", "skip")
    await say(world, TESS, "NEEDS", "2", "3", "no", "after 11")
    id = await joined(world)
    assert await world.rows(f"SELECT hours FROM contacts WHERE id = {id}") == [("",)]


@pytest.mark.parametrize("careful", [ANN, TESS], ids=["who asked for the code", "who sent it"])
async def test_a_phone_that_others_may_see_stays_one(world: World, careful: str) -> None:
    for who in (ANN, TESS):
        await say(world, who, "NEEDS", "2", "3", "yes" if who == careful else "no")
    await joined(world)
    assert [bool(row[0]) for row in await world.rows("SELECT discreet FROM contacts")] == [True]
    assert (await kept(world, ANN))["discreet"] == "yes"


async def test_a_questionnaire_that_comes_again_comes_once(world: World) -> None:
    for who in (ANN, TESS):
        await say(world, who, *CHECKIN, "skip", "yes")
    assert len(await world.rows("SELECT id FROM fires WHERE kind = 'flow'")) == 2
    id = await joined(world)
    assert await world.rows("SELECT key FROM fires WHERE kind = 'flow'") == [(f"repeat/{id}/wellbeing",)]


async def test_one_that_only_the_other_gets_again_is_found_by_the_next_run(world: World) -> None:
    """The key of the fire says for whom: else answering again would plan a second one."""
    await say(world, ANN, "hello")
    await say(world, TESS, *CHECKIN, "skip", "yes")
    id = await joined(world)
    await say(world, ANN, *CHECKIN[:1], *CHECKIN[2:], "skip", "yes")
    assert await world.rows("SELECT key FROM fires WHERE kind = 'flow'") == [(f"repeat/{id}/wellbeing",)]


# Talks


async def test_a_talk_that_only_the_sender_of_the_code_was_in_goes_on(world: World) -> None:
    await say(world, ANN, "hello")
    await say(world, TESS, *CHECKIN[:4])
    await joined(world)
    await say(world, TESS, "6")
    assert await answers(world, ANN) == {"content": 7, "matters": 8, "mood": 6}
    await say(world, ANN, "3")  # from either phone
    assert "worry" in await answers(world, TESS)


async def test_a_talk_that_only_the_maker_of_the_code_was_in_goes_on(world: World) -> None:
    await say(world, ANN, *CHECKIN[:4])
    await say(world, TESS, "hello")
    await joined(world)
    await say(world, TESS, "6")
    assert await answers(world, ANN) == {"content": 7, "matters": 8, "mood": 6}


async def test_two_talks_go_on_one_after_the_other_and_no_answer_is_taken_for_another_s(world: World) -> None:
    """The phone that sent the code was asked something else last: the question that waits now is asked first."""
    await say(world, ANN, *CHECKIN[:4])
    await say(world, TESS, "OPINION", "yes", "no")
    await joined(world)
    told = await say(world, TESS, "2")  # meant for why they were not there
    assert "mood" in told[0]
    assert await answers(world, ANN) == {"content": 7, "matters": 8, "used": "no"}
    told = await say(world, TESS, "6", "3", "9", "10", "skip", "no")
    assert (await answers(world, ANN))["mood"] == 6
    assert (await session_answers(world, ANN, "opening_hours"))["used"] == "no"
    await say(world, TESS, "2")
    assert "why_not" in await answers(world, ANN)


async def test_the_same_questions_are_not_asked_twice(world: World) -> None:
    await say(world, ANN, *CHECKIN[:4])
    await say(world, TESS, *CHECKIN[:3])
    id = await joined(world)
    rows = (await rows_of(world, id))["sessions"]
    assert sorted(row["outcome"] for row in rows) == ["", "replaced"]
    world.clock.forward(timedelta(hours=21))
    await world.ring()  # the fire of the other talk brings nothing
    await say(world, ANN, "again", "6", "3", "9", "10", "skip", "no")
    assert await world.rows("SELECT session_id, suspended_id FROM contacts") == [(None, None)]


async def test_an_answer_may_be_changed_after_it(world: World) -> None:
    """The revision of a moved answer is one higher, and so is the sprint of its session."""
    for who in (ANN, BEN):
        await say(world, who, "hello")
    await say(world, TESS, *CHECKIN[:4])
    await pushed(world)
    await delete_last(world, TESS)
    await joined(world)
    await pushed(world)
    await joined(world, made_by=BEN, sent_by=TESS)
    await pushed(world)
    await say(world, TESS, "BACK", "2")
    assert (await evaluated(world))["matters"] == "2"


# What others have to do with them


async def test_words_that_waited_for_a_name_can_still_be_read(world: World) -> None:
    """A shared phone holds what was written before it was clear by whom: sealed for the phone's owner."""
    await say(world, TESS, "SHARE", "Tessie", "Bilqisabad")
    await say(world, ANN, "hello")
    code = code_in(await say(world, ANN, "LINK"))
    await say(world, TESS, code)
    world.clock.forward(timedelta(hours=1))
    await say(world, TESS, "CHECKIN")
    id = await contact(world, TESS)
    rows = (await rows_of(world, id))["urns"]
    assert [row for row in rows if row["held"] is not None]
    told = await say(world, TESS, "Tessie")
    assert "May we ask you" in told[0]


async def merged(world: World) -> None:
    """Tess's contact into Ann's, whatever Tess is just doing."""
    app, other, into = world.app, await contact(world, TESS), await contact(world, ANN)
    async with app.database.begin() as connection:
        assert await merging.merge(connection, app.vault, app.ids, other, into, "AAAAAAAA", world.clock())


async def test_held_words_are_sealed_anew(world: World) -> None:
    await say(world, TESS, "SHARE", "Tessie", "Bilqisabad")
    world.clock.forward(timedelta(hours=1))
    await say(world, TESS, "CHECKIN")
    await say(world, ANN, "hello")
    await merged(world)
    told = await say(world, TESS, "Tessie")
    assert "May we ask you" in told[0]


async def test_a_phone_stays_shared_and_is_not_when_both_turn_out_to_be_one(world: World) -> None:
    await say(world, TESS, "SHARE", "Tessie", "Bilqisabad")
    await say(world, ANN, "hello")
    id = await joined(world)
    rows = await world.rows("SELECT contact_id FROM sharers")
    assert len(rows) == 2 and (id,) in [tuple(row) for row in rows]
    await say(world, TESS, "Bilqisabad")
    code = code_in(await say(world, TESS, "LINK"))
    await say(world, ANN, code)
    assert await world.rows("SELECT contact_id FROM sharers") == []
    assert [bool(row[0]) for row in await world.rows("SELECT shared FROM urns")] == [False, False]
    assert len(await world.rows("SELECT id FROM contacts")) == 1


async def test_somebody_of_the_team_stays_on_it(world: World) -> None:
    await join_team(world, TESS, "Theodora Finch")
    await say(world, BEN, "NEEDS", "1", "3")
    await say(world, TESS, "TAKE")
    await say(world, ANN, "hello")
    id = await joined(world)
    assert await world.rows("SELECT contact_id FROM staff") == [(id,)]
    assert await world.rows("SELECT taken_by FROM alerts") == [(id,)]
    assert await say(world, ANN, "DONE 1") == [phrase(world, "staff_done").replace("{number}", "1")]


async def test_a_talk_with_the_team_goes_on(world: World) -> None:
    await join_team(world, KIM, "Kim Nightingale")
    await say(world, ANN, "hello")
    await say(world, TESS, "PERSON")
    await merged(world)
    assert await say(world, TESS, "it is about my bus pass") == []  # kept for whoever takes over
    await say(world, KIM, "TAKE")
    before = len(await world.told(KIM))
    await say(world, TESS, "it is about my flat")
    assert [message.text for message in (await world.told(KIM))[before:]] == ["1: it is about my flat"]
    await say(world, KIM, "I see")
    assert (await world.told(TESS))[-1].text == "Kim Nightingale: I see"


async def test_carers_and_charges_stay(world: World) -> None:
    await link_carer(world, TESS, BEN, "Tessie")
    await link_carer(world, KIM, TESS, "Kimmie")
    await say(world, ANN, "hello")
    id = await joined(world)
    bens, kims = await contact(world, BEN), await contact(world, KIM)
    rows = await world.rows("SELECT contact_id, carer_id FROM carers WHERE ended_at IS NULL")
    assert sorted(map(tuple, rows)) == sorted([(id, bens), (kims, id)])
    assert await world.rows(f"SELECT roles FROM contacts WHERE id = {id}") == [("carer",)]
    await say(world, TESS, "UNLINK")
    assert (await world.told(BEN))[-1].text == phrase(world, "carer_ended").replace("{nickname}", "Tessie")
    assert await world.rows(f"SELECT roles FROM contacts WHERE id = {bens}") == [("",)]


async def test_nobody_cares_for_themselves(world: World) -> None:
    await link_carer(world, ANN, TESS, "Annie")
    id = await joined(world)
    assert await world.rows("SELECT id FROM carers WHERE ended_at IS NULL") == []
    assert await world.rows(f"SELECT roles FROM contacts WHERE id = {id}") == [("",)]


async def test_nobody_cares_twice_for_the_same_person(world: World) -> None:
    for carer in (ANN, TESS):
        await link_carer(world, BEN, carer, "Bennie")
    await joined(world)
    assert len(await world.rows("SELECT id FROM carers WHERE ended_at IS NULL")) == 1


async def test_a_code_for_a_carer_that_was_not_sent_yet_still_works(world: World) -> None:
    code = code_in(await say(world, TESS, "CARER", "4", "yes", "Tessie"))
    await say(world, ANN, "hello")
    id = await joined(world)
    told = await say(world, BEN, code)
    assert "Tessie" in told[0]
    assert await world.rows("SELECT contact_id FROM carers") == [(id,)]


async def test_others_notice_nothing(world: World) -> None:
    await say(world, BEN, *CHECKIN, COMMENT, "yes")
    await sent(world)
    await pushed(world)
    bens = await rows_of(world, await contact(world, BEN))
    for who in (ANN, TESS):
        await say(world, who, *CHECKIN)
    await joined(world)
    await pushed(world)
    assert await rows_of(world, await contact(world, BEN)) == bens


# Codes


async def test_a_code_works_once(world: World) -> None:
    await say(world, ANN, "hello")
    code = code_in(await say(world, ANN, "LINK"))
    assert await say(world, TESS, code) == [linked(world)]
    assert await say(world, BEN, code) == [phrase(world, "code_wrong")]
    assert await contact(world, BEN) != await contact(world, ANN)
    assert await world.rows("SELECT key FROM codes") == []


async def test_a_code_works_for_two_days(world: World) -> None:
    await say(world, ANN, "hello")
    code = code_in(await say(world, ANN, "LINK"))
    world.clock.forward(timedelta(days=2))
    assert await say(world, TESS, code) == [phrase(world, "code_wrong")]


async def test_one_s_own_code_is_refused_and_can_still_be_used(world: World) -> None:
    await say(world, ANN, "hello")
    code = code_in(await say(world, ANN, "LINK"))
    assert await say(world, ANN, code) == [phrase(world, "code_wrong")]
    assert await say(world, TESS, code) == [linked(world)]


async def test_an_unknown_code_is_refused_kindly(world: World) -> None:
    assert await say(world, TESS, WRONG[0]) == [phrase(world, "code_wrong")]
    assert (await world.rows("SELECT wrong_codes FROM contacts"))[0][0] == 1
    assert await say(world, TESS, "hello") == [phrase(world, "hello")]


async def test_after_three_wrong_codes_none_is_looked_at_for_an_hour(world: World) -> None:
    """A right one no more than a wrong one: nobody learns anything by guessing on."""
    await say(world, ANN, "hello")
    code = code_in(await say(world, ANN, "LINK"))
    for wrong in WRONG[:3]:
        assert await say(world, TESS, wrong) == [phrase(world, "code_wrong")]
    too_many = phrase(world, "code_too_many").replace("{phone}", "01632 960123")
    assert await say(world, TESS, WRONG[3]) == [too_many]
    assert await say(world, TESS, code) == [too_many]
    assert await contact(world, TESS) != await contact(world, ANN)
    assert await say(world, BEN, WRONG[0]) == [phrase(world, "code_wrong")]  # others are not held up by it
    world.clock.forward(timedelta(minutes=57))
    assert await say(world, TESS, code) == [too_many]
    world.clock.forward(timedelta(minutes=3))
    assert await say(world, TESS, code) == [linked(world)]


async def test_the_errand_run_twice_joins_them_once(world: World) -> None:
    await say(world, ANN, *CHECKIN)
    code = code_in(await say(world, ANN, "LINK"))
    await say(world, TESS, "hello")
    await world.app.dispatcher.handle([world.received(TESS, code)], world.clock())
    (due,) = [one for one in await fires.due(world.app.database, world.clock()) if one.kind == "join_phones"]
    for _ in range(2):
        await world.app.errands.run(due)
    assert [message.text for message in await world.told(TESS)].count(linked(world)) == 1
    assert await contact(world, TESS) == await contact(world, ANN)


async def test_nothing_is_joined_with_somebody_who_is_gone(world: World) -> None:
    """Nothing moves to a contact that is not there: it would be nobody's, and unreadable."""
    await say(world, TESS, *CHECKIN)
    app, id = world.app, await contact(world, TESS)
    before = await rows_of(world, id)
    async with app.database.begin() as connection:
        assert not await merging.merge(connection, app.vault, app.ids, id, 4711, "AAAAAAAA", world.clock())
    assert await rows_of(world, id) == before


async def test_no_row_names_who_is_gone(world: World) -> None:
    """Whatever table it is in: a row left behind could not be opened, and would not go with the person."""
    await join_team(world, TESS, "Theodora Finch")
    await say(world, TESS, "JOIN", "yes", "Tessie", "1", "6", "NEEDS", "1", "3", "yes", "after 11", "CHECKIN", "5")
    await say(world, TESS, "SHARE", "Tessie", "Bilqisabad", "LINK")
    await say(world, ANN, *CHECKIN)
    gone = await contact(world, TESS)
    await joined(world)
    await pushed(world)
    assert await naming(world, gone) == []


async def naming(world: World, contact_id: int) -> list[Any]:
    found = []
    for table in metadata.tables.values():
        for row in await world.rows(f"SELECT * FROM {table.name}"):
            found += [table.name for value in row if value == contact_id or f"/{contact_id}/" in str(value)]
    return found


# Places at events


async def two_at(world: World, event_id: int, *, capacity: int) -> None:
    now = world.clock()
    await put_event(world.app.database, an_event(event_id, now + timedelta(days=30), capacity=capacity), now)


async def ask(world: World, who: str) -> str:
    """For a place at the only event that is open to them."""
    told = (await say(world, who, "EVENTS", "1", "yes"))[-1]
    return (await say(world, who, "nothing special"))[-1] if told.startswith("What do you need") else told


async def bookings(world: World) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await world.rows("SELECT contact_id, status, position FROM bookings ORDER BY id")]


async def test_a_place_of_the_other_is_theirs_with_its_reminders_and_reasons(world: World) -> None:
    await two_at(world, 7, capacity=3)
    await say(world, ANN, "hello")
    await ask(world, TESS)
    gone, vault = await contact(world, TESS), world.app.vault
    async with world.app.database.begin() as connection:
        await connection.execute(update(t.bookings).values(sealed=vault.seal(b"unwell", gone)))
    id = await joined(world)
    (row,) = (await rows_of(world, id))["bookings"]
    assert (row["status"], vault.open(row["sealed"], id)) == ("booked", b"unwell")
    reminders = await world.rows("SELECT DISTINCT contact_id FROM fires WHERE kind = 'remind'")
    assert reminders == [(id,)]
    assert await counted(world.app.database, 7) == (1, 0, 1)
    assert "You have a place: Coffee morning" in (await say(world, TESS, "BOOKINGS"))[-1]


@pytest.mark.parametrize(("made_by", "sent_by"), [(ANN, TESS), (TESS, ANN)])
async def test_of_two_places_the_first_stays_and_the_other_goes_to_who_waits(
    world: World, made_by: str, sent_by: str
) -> None:
    await two_at(world, 7, capacity=2)
    for who in (ANN, TESS, BEN):
        await ask(world, who)
    id = await joined(world, made_by=made_by, sent_by=sent_by)
    ben = await contact(world, BEN)
    assert sorted(await bookings(world)) == sorted([(id, "booked", 1), (ben, "waiting", 3)])
    assert await counted(world.app.database, 7) == (1, 0, 3)
    assert len(await world.rows(f"SELECT id FROM fires WHERE kind = 'remind' AND contact_id = {id}")) == 3
    for _ in range(2):
        await world.ring()
    assert "there is a place for you now" in (await world.told(BEN))[-1].text
    assert await counted(world.app.database, 7) == (2, 0, 3)


@pytest.mark.parametrize(("first", "second"), [(ANN, TESS), (TESS, ANN)])
async def test_a_place_is_better_than_a_wait_for_one(world: World, first: str, second: str) -> None:
    await two_at(world, 7, capacity=1)
    await ask(world, first)
    await ask(world, second)
    id = await joined(world)
    assert await bookings(world) == [(id, "booked", 1)]
    assert await counted(world.app.database, 7) == (1, 0, 2)
    assert await world.rows("SELECT key FROM fires WHERE kind = 'places'") == []  # nobody waits, nothing is free


@pytest.mark.parametrize(("first", "second"), [(ANN, TESS), (TESS, ANN)])
async def test_an_offer_is_better_than_a_wait_and_is_asked_of_once(world: World, first: str, second: str) -> None:
    await two_at(world, 7, capacity=1)
    for who in (BEN, first, second):
        await ask(world, who)
    await say(world, BEN, "OUT", "yes")
    id = await joined(world)
    assert [row for row in await bookings(world) if row[1] != "out"] == [(id, "offered", 2)]
    before = len(await world.told(ANN)) + len(await world.told(TESS))
    await world.ring()
    assert len(await world.told(ANN)) + len(await world.told(TESS)) == before + 1
    assert "You have a place" in (await say(world, first, "yes"))[-1]
    assert await counted(world.app.database, 7) == (1, 0, 3)


async def test_what_is_noted_around_events_is_theirs_once_and_the_better_of_two(world: World) -> None:
    app, now = world.app, 1_000
    for who in (ANN, TESS):
        await say(world, who, "hello")
    ann, tess = await contact(world, ANN), await contact(world, TESS)
    async with app.database.begin() as tx:
        for id, note in ((ann, None), (tess, app.vault.seal(b"went well", tess))):
            await tx.execute(
                insert(t.duties).values(event_id=7, contact_id=id, role="speaker", sealed=note, created_at=now)
            )
        await tx.execute(insert(t.duties).values(event_id=8, contact_id=tess, role="speaker", created_at=now))
        for id, settled, kind in ((ann, None, "diet"), (tess, 5, "diet"), (tess, None, "bsl"), (ann, 6, "quiet")):
            await tx.execute(
                insert(t.tasks).values(
                    id=app.ids(), event_id=7, contact_id=id, kind=kind, owner_id=tess, due_at=now, settled_at=settled,
                    created_at=now,
                )
            )  # fmt: skip
        for id, kind in ((ann, "research"), (tess, "research"), (tess, "social")):
            await tx.execute(insert(t.demands).values(id=app.ids(), contact_id=id, kind=kind, at=now))
        for id, opportunity, withdrawn in ((ann, 1, 9), (tess, 1, None), (ann, 2, None), (tess, 2, None)):
            await tx.execute(
                insert(t.interests).values(
                    id=app.ids(), opportunity_id=opportunity, contact_id=id, urn_key=id, channel="sms", at=now,
                    withdrawn_at=withdrawn,
                )
            )  # fmt: skip
        for id, item, theirs in ((ann, 1, False), (tess, 1, True), (tess, 2, False)):
            await tx.execute(
                insert(t.newsletter_told).values(id=app.ids(), broadcast_id=item, contact_id=id, theirs=theirs, at=now)
            )
    assert await joined(world) == ann
    rows = await rows_of(world, ann)
    assert {(row["broadcast_id"], bool(row["theirs"])) for row in rows["newsletter_told"]} == {(1, True), (2, False)}
    notes = {row["event_id"]: row["sealed"] for row in rows["duties"]}
    assert (app.vault.open(notes[7], ann), notes[8]) == (b"went well", None)
    assert {(r["kind"], r["settled_at"], r["owner_id"]) for r in rows["tasks"]} == {
        ("diet", 5, ann), ("bsl", None, ann), ("quiet", 6, ann)
    }  # fmt: skip
    assert sorted(row["kind"] for row in rows["demands"]) == ["research", "social"]
    assert {(row["opportunity_id"], row["withdrawn_at"]) for row in rows["interests"]} == {(1, None), (2, None)}


async def test_that_one_of_them_was_there_is_not_lost(world: World) -> None:
    app = world.app
    for who in (ANN, TESS):
        await say(world, who, "hello")
    await put_event(app.database, an_event(8, world.clock() - timedelta(days=30)), world.clock())
    async with app.database.begin() as tx:
        for position, (who, came) in enumerate(((ANN, None), (TESS, True)), start=1):
            await tx.execute(
                insert(t.bookings).values(
                    id=app.ids(), event_id=8, contact_id=await contact(world, who), status="booked", position=position,
                    urn_key=1, channel="sms", came=came, companions_came=position, asked_at=1, changed_at=1,
                )
            )  # fmt: skip
        await tx.execute(update(t.events).values(taken=2, asked=2))
    await joined(world)
    assert await world.rows("SELECT position, came, companions_came FROM bookings") == [(1, True, 2)]
    assert await counted(app.database, 8) == (1, 0, 2)
    assert await world.rows("SELECT key FROM fires WHERE kind = 'places'") == []  # it is over
