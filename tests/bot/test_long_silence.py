"""After months without a word a number may be somebody else's: nothing personal is sent before a neutral question."""

from __future__ import annotations

from datetime import timedelta

from store import fires
from store.alerts import open_alerts
from tests.conftest import World

ANN = "tel:+447700900301"
CHECKIN = ("CHECKIN", "yes", "7", "7", "7", "7", "7", "7", "skip", "yes")


async def silent(world: World, days: int) -> list[str]:
    """Ann has done a check-in and wants the next; so many days later it is due. What she is sent."""
    for words in CHECKIN:
        await world.say(ANN, words)
    before = len(await world.told(ANN))
    world.clock.forward(timedelta(days=days))
    await world.ring()
    return [message.text for message in (await world.told(ANN))[before:]]


async def test_after_a_month_the_check_in_comes(world: World) -> None:
    (told,) = await silent(world, 32)
    assert "How content are you" in told


async def test_after_half_a_year_only_a_neutral_question_comes(world: World) -> None:
    (told,) = await silent(world, 200)
    assert told.startswith("Hello. We have not heard from you for a long time.")
    assert "MIME" not in told


async def test_who_says_yes_gets_the_check_in_the_next_day(world: World) -> None:
    await silent(world, 200)
    assert await world.say(ANN, "yes") == ["Thank you. It is good to hear from you."]
    before = len(await world.told(ANN))
    world.clock.forward(timedelta(days=2))
    await world.ring()
    assert "How content are you" in (await world.told(ANN))[before:][0].text


async def test_a_stranger_is_never_written_to_again(world: World) -> None:
    await silent(world, 200)
    (told,) = await world.say(ANN, "no, who is this?") or [""]
    assert "MIME" not in told
    await world.say(ANN, "no")  # from now on the phone shows what is theirs, and nothing of before
    told_last = (await world.told(ANN))[-1].text
    assert told_last == "Sorry to have troubled you. We will not write to this number again."
    before = len(await world.told(ANN))
    for _ in range(40):
        world.clock.forward(timedelta(days=1))
        await world.ring()
    assert len(await world.told(ANN)) == before


async def test_who_does_not_answer_is_asked_once_and_then_left_alone(world: World) -> None:
    await silent(world, 200)
    before = len(await world.told(ANN))
    for _ in range(60):
        world.clock.forward(timedelta(days=1))
        await world.ring()
    assert [message.text for message in (await world.told(ANN))[before:]] == []
    assert await world.rows("SELECT id FROM fires WHERE kind = 'flow'") == []


async def test_the_question_is_asked_once_where_the_fire_is_brought_twice(world: World) -> None:
    """Two replicas may both bring it; what was due still comes, when the person has answered."""
    for words in CHECKIN:
        await world.say(ANN, words)
    before = len(await world.told(ANN))
    world.clock.forward(timedelta(days=200))
    due = [fire for fire in await fires.due(world.app.database, world.clock()) if fire.kind == "flow"]
    await world.app.dispatcher.handle([*due, *due], world.clock())
    await world.app.dispatcher.handle(due, world.clock())
    world.clock.forward(timedelta(days=1))
    await world.ring()
    assert len(await world.told(ANN)) == before + 1
    await world.say(ANN, "yes")
    world.clock.forward(timedelta(days=2))
    await world.ring()
    assert "How content are you" in (await world.told(ANN))[-1].text
    assert await world.rows("SELECT id FROM alerts") == []


async def test_who_has_the_number_now_is_shown_nothing_of_who_had_it(world: World) -> None:
    await world.say(ANN, "JOIN")
    for words in ("yes", "Zuleikha", "1", "2"):
        await world.say(ANN, words)
    await silent(world, 200)
    await world.say(ANN, "no")
    assert await world.say(ANN, "who was this") == []
    for words in ("MY DATA", "START", "MY DATA", "LINK", "CARER"):
        told = await world.say(ANN, words)
        assert not any("Zuleikha" in text for text in told), words
    assert "Answers: 0." in (await world.say(ANN, "MY DATA"))[0]
    (alert,) = [one for one in await open_alerts(world.app.database, world.app.vault) if one.kind == "wrong_person"]
    assert alert.addresses == (ANN,)


async def test_who_lost_a_number_goes_on_where_they_have_another_address(world: World) -> None:
    ben = "telegram:7001"
    await world.say(ben, "hello")
    await silent(world, 1)
    (told,) = await world.say(ANN, "LINK")
    await world.say(ben, told.partition("there: ")[2][:9])
    world.clock.forward(timedelta(days=200))
    await world.ring()
    assert "Did you sign up" in (await world.told(ANN))[-1].text
    await world.say(ANN, "no")
    assert "Answers: 9." in (await world.say(ben, "MY DATA"))[0]
    assert (await world.say(ANN, "START")) != []
    assert "Answers: 0." in (await world.say(ANN, "MY DATA"))[0]
