"""After months without a word a number may be somebody else's: nothing personal is sent before a neutral question."""

from __future__ import annotations

from datetime import timedelta

from domain.broadcast import Broadcast, Wording
from domain.segment import Segment
from domain.sms import segments as counted
from store import fires
from store.alerts import open_alerts
from store.broadcasts import course, drafts, preparing, previews
from tests.conftest import World
from tests.crowd import Somebody, put
from tests.events import an_event, put_event

ANN, BEN, CEM = "tel:+447700900301", "tel:+447700900302", "tel:+447700900303"
QUESTION = "Hello. We have not heard from you for a long time. Did you sign up for our messages?\n1 Yes\n2 No"
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


# an invitation


async def long_ago(world: World, text: str = "Come for tea on Friday.", event: int | None = None) -> int:
    """Ann and Ben wrote long ago, Cem lately; all are meant by a broadcast that is ordered. Its number."""
    app = world.app
    for who in (ANN, BEN):
        await agree(world, who)
    world.clock.forward(timedelta(days=200))
    await agree(world, CEM)
    texts = {} if event else {"en": Wording(text, "the team")}
    draft = Broadcast(id=0, number=0, name="Tea", segment=Segment(), texts=texts, event=event)
    async with app.database.begin() as connection:
        number = (await drafts.add(connection, app.post, draft, None, world.clock())).number
    await course.start(app.post, number, world.clock())
    await preparing.tend(app.post, world.clock())
    return number


async def agree(world: World, who: str) -> None:
    for words in ("TAKE PART", "no", "yes", "no"):
        await world.say(who, words)


async def after(world: World, by: timedelta) -> None:
    """What is due until then has happened."""
    world.clock.forward(by)
    for _ in range(3):
        await world.ring()


async def last(world: World, who: str) -> str:
    return (await world.told(who))[-1].text


async def test_the_preview_counts_who_was_silent_and_what_it_costs_to_ask(world: World) -> None:
    for who in (ANN, BEN):
        await agree(world, who)
    world.clock.forward(timedelta(days=200))
    await agree(world, CEM)
    text = "Come for tea on Friday."
    draft = Broadcast(id=0, number=1, name="Tea", segment=Segment(), texts={"en": Wording(text, "the team")})
    ahead = await previews.preview(world.app.post, draft, world.clock())
    assert (ahead.people, ahead.astray) == (3, 2)
    assert ahead.segments == 3 * counted(text).count + 2 * counted(QUESTION).count


async def test_who_was_silent_is_asked_first_and_invited_after_their_yes(world: World) -> None:
    number = await long_ago(world)
    await after(world, timedelta(minutes=1))
    assert await last(world, CEM) == "Come for tea on Friday."
    assert await last(world, ANN) == await last(world, BEN) == QUESTION
    async with world.app.database.read() as connection:
        found = await course.progress(connection, number)
    assert found is not None
    assert (found.unsure, found.waiting) == (2, 0)
    assert await world.say(ANN, "yes") == ["Thank you. It is good to hear from you."]
    await after(world, timedelta(minutes=1))
    assert await last(world, ANN) == "Come for tea on Friday."
    assert await last(world, BEN) == QUESTION


async def test_a_stranger_with_their_number_never_hears_of_it(world: World) -> None:
    await long_ago(world)
    await after(world, timedelta(minutes=1))
    await world.say(BEN, "no")
    before = len(await world.told(BEN))
    for _ in range(10):
        await after(world, timedelta(days=1))
    assert len(await world.told(BEN)) == before
    assert await world.rows("SELECT id FROM fires WHERE kind = 'ask_first'") == []


async def test_who_says_nothing_is_asked_once_and_the_invitation_is_worth_nothing_in_the_end(world: World) -> None:
    await long_ago(world)
    for _ in range(10):
        await after(world, timedelta(days=1))
    assert [message.text for message in await world.told(ANN)].count(QUESTION) == 1
    assert "Come for tea on Friday." not in [message.text for message in await world.told(ANN)]
    assert await world.rows("SELECT id FROM fires WHERE kind = 'ask_first'") == []


async def test_an_invitation_to_an_event_waits_for_their_yes_and_then_books(world: World) -> None:
    event = an_event(5, world.clock() + timedelta(days=208))
    await put_event(world.app.database, event, world.clock())
    await long_ago(world, event=5)
    await after(world, timedelta(minutes=1))
    assert await last(world, ANN) == QUESTION
    assert (await last(world, CEM)).startswith("Coffee morning")
    await after(world, timedelta(days=4))
    await world.say(ANN, "yes")
    await after(world, timedelta(minutes=1))
    assert (await last(world, ANN)).startswith("Coffee morning")
    assert "What do you need at a meeting?" in (await world.say(ANN, "yes"))[0]


async def test_of_two_broadcasts_one_asks_and_a_paused_or_stopped_one_waits(world: World) -> None:
    number = await long_ago(world)
    async with world.app.database.begin() as connection:
        await course.pause(connection, number)
    await after(world, timedelta(minutes=1))
    assert QUESTION not in [message.text for message in await world.told(ANN)]
    await course.resume(world.app.post, number, world.clock())
    await after(world, timedelta(minutes=1))
    assert await last(world, ANN) == QUESTION
    async with world.app.database.begin() as connection:
        await course.stop(connection, number, world.clock())
    await world.say(ANN, "yes")
    await after(world, timedelta(minutes=1))
    assert await last(world, ANN) == "Thank you. It is good to hear from you."


async def test_somebody_new_who_has_not_written_yet_is_not_asked(world: World) -> None:
    await put(world.app, [Somebody()])
    text = {"en": Wording("Come for tea.", "the team")}
    draft = Broadcast(id=0, number=1, name="Tea", segment=Segment(), texts=text)
    assert (await previews.preview(world.app.post, draft, world.clock())).astray == 0
    later = world.clock() + timedelta(days=181)
    assert (await previews.preview(world.app.post, draft, later)).astray == 1


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
