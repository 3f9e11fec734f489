"""After STOP nothing more comes: from no question, no fire, no errand and nobody of the team."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from domain.code import CodeKind
from store import people
from store import tables as t
from tests.conftest import World

ANN, BEN = "tel:+447700900101", "telegram:5001"
MARY = "telegram:9001"
HOURS = timedelta(hours=1)


async def say(world: World, who: str, *words: str) -> list[str]:
    """One after the other; what the last was answered with."""
    told: list[str] = []
    for word in words:
        told = await world.say(who, word)
    return told


async def joins_the_team(world: World, who: str, name: str) -> None:
    async with world.app.database.begin() as connection:
        key = world.app.vault.code("11112222")
        detail = {"name": name, "role": "coordinator", "turn": "1"}
        await people.put_code(
            connection, world.app.vault, key, CodeKind.STAFF, 0, detail, uses=1, expires_at=None, now=world.clock()
        )
    await world.say(who, "1111 2222")


async def told_later(world: World, who: str, after: Sequence[timedelta]) -> list[str]:
    """What they are told unasked, when so much time has passed, and again so much."""
    before = len(await world.told(who))
    for by in after:
        world.clock.forward(by)
        await world.ring()
        await world.ring()
    return [message.text for message in (await world.told(who))[before:]]


async def test_stop_on_a_shared_phone_ends_the_questions_of_both(world: World) -> None:
    await say(world, ANN, "SHARE", "Eve", "Tom", "Tom", "CHECKIN", "yes", "Eve", "CHECKIN")
    (told,) = await say(world, ANN, "STOP")
    assert "no more messages" in told
    assert await told_later(world, ANN, [21 * HOURS, 24 * HOURS]) == []
    assert await world.rows("SELECT id FROM sessions WHERE outcome = ''") == []


async def test_who_stopped_on_one_phone_is_not_reminded_on_another_that_is_joined(world: World) -> None:
    """One of two phones said STOP; joined, the person has stopped, and what waited on the other comes no more."""
    await say(world, ANN, "CHECKIN", "yes")
    (told,) = await say(world, BEN, "LINK")
    code = told.partition("there: ")[2][:9]
    await say(world, BEN, "STOP")
    await say(world, ANN, code)
    assert (await world.rows("SELECT stopped_at FROM contacts"))[0][0] is not None
    assert await told_later(world, ANN, [21 * HOURS, 24 * HOURS]) == []


async def test_the_team_s_absence_is_not_told_to_who_has_stopped(world: World) -> None:
    await say(world, ANN, "PERSON", "STOP")
    assert await told_later(world, ANN, [4 * HOURS, 24 * HOURS]) == []


async def test_who_has_stopped_is_not_written_to_by_who_takes_over(world: World) -> None:
    await joins_the_team(world, MARY, "Mary")
    await say(world, ANN, "PERSON", "it is about a lift", "STOP")
    before = len(await world.told(ANN))
    (told,) = await say(world, MARY, "TAKE")
    assert "no more texts" in told and "+447700900101" in told and "1: it is about a lift" in told
    await say(world, MARY, "hello Ann", "DONE 1")
    assert len(await world.told(ANN)) == before
    assert await told_later(world, ANN, [13 * HOURS, 13 * HOURS]) == []
    assert await world.rows("SELECT number FROM alerts WHERE done_at IS NULL") == []


@pytest.mark.parametrize("ending", ["DONE", ""])
async def test_who_stops_in_the_middle_of_a_talk_with_the_team_is_left_alone(world: World, ending: str) -> None:
    await joins_the_team(world, MARY, "Mary")
    await say(world, ANN, "PERSON")
    await say(world, MARY, "TAKE", "Hi, how can I help?")
    await say(world, ANN, "STOP")
    before = len(await world.told(ANN))
    (told,) = await say(world, MARY, "Was it something I said?")
    assert "no more texts" in told
    if ending:
        await say(world, MARY, ending)
    await told_later(world, MARY, [13 * HOURS, 13 * HOURS])
    assert len(await world.told(ANN)) == before
    await say(world, ANN, "START")
    assert len(await world.told(ANN)) == before + 1


async def test_words_of_the_team_in_the_batch_that_hears_stop_do_not_go_out(world: World) -> None:
    await joins_the_team(world, MARY, "Mary")
    await say(world, ANN, "PERSON")
    await say(world, MARY, "TAKE")
    facts = [world.received(ANN, "STOP"), world.received(MARY, "Hi, how can I help?")]
    await world.app.dispatcher.handle(facts, world.clock())
    assert not any("how can I help" in message.text for message in await world.told(ANN))


async def test_rights_are_answered_after_stop_as_well(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", "4", "STOP")
    (told,) = await say(world, ANN, "MY DATA")
    assert "What we keep about you" in told
    (told,) = await say(world, ANN, "DELETE LAST")
    assert "deleted" in told
    assert (await world.rows("SELECT stopped_at FROM contacts"))[0][0] is not None
    (told,) = await say(world, ANN, "FORGET ME")
    assert "Your reference is" in told
    async with world.app.database.begin() as connection:
        await connection.execute(update(t.outbox).values(status="sent"))
    await told_later(world, ANN, [HOURS])
    assert await world.rows("SELECT id FROM contacts") == []


async def test_who_has_stopped_and_asks_for_a_person_is_called(world: World) -> None:
    await joins_the_team(world, MARY, "Mary")
    await say(world, ANN, "hello", "STOP")
    (told,) = await say(world, ANN, "PERSON")
    assert told == "We noted it. Someone will call you."
    (told,) = await say(world, MARY, "TAKE")
    assert "no more texts" in told and "+447700900101" in told


async def test_who_will_have_no_more_questions_is_not_asked_again_in_a_month(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", *"555555", "skip", "yes")
    await say(world, ANN, "STOP QUESTIONS")
    assert await told_later(world, ANN, [timedelta(days=31), timedelta(days=31)]) == []
    assert await world.rows("SELECT key FROM fires WHERE kind = 'flow'") == []


async def test_who_takes_the_questions_up_again_is_asked_in_a_month(world: World) -> None:
    await say(world, ANN, "CHECKIN", "yes", *"555555", "skip", "yes")
    await say(world, ANN, "STOP QUESTIONS", "CHECKIN", "yes", "LATER")
    assert len(await told_later(world, ANN, [timedelta(days=31)])) >= 1


async def test_what_a_stranger_went_back_to_is_over(world: World) -> None:
    """The number is another's now: a talk that was set aside for its old owner does not stay open for ever."""
    await say(world, ANN, "CHECKIN", "yes", *"555555", "skip", "yes")
    await say(world, ANN, "CHECKIN", "NEEDS")
    world.clock.forward(timedelta(days=200))
    due = await world.rows("SELECT id FROM fires WHERE kind = 'flow'")
    assert len(due) == 1
    await world.ring()
    assert "Did you sign up" in (await world.told(ANN))[-1].text
    await say(world, ANN, "no")
    assert await world.rows("SELECT id FROM sessions WHERE outcome = ''") == []


async def test_what_is_begun_between_forget_me_and_the_goodbye_does_not_stay_open(world: World) -> None:
    await say(world, ANN, "FORGET ME")
    facts = [world.received(ANN, "yes"), world.received(ANN, "CHECKIN")]
    await world.app.dispatcher.handle(facts, world.clock())
    await world.errands()
    assert "deleted" in (await world.told(ANN))[-1].text
    assert await world.rows("SELECT id FROM sessions WHERE outcome = ''") == []
