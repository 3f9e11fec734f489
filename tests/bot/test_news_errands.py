"""NEWS through the whole program, and coordinators reminded of what people have not heard yet."""

from __future__ import annotations

from datetime import timedelta

from bot.news.errands import look
from bot.news.sample import add_news
from domain.contact import Role
from store.broadcasts import course, preparing
from tests.attending import put_staff
from tests.conftest import World
from tests.crowd import Somebody, phone, put
from tests.newsletters import NEWS, answer_to, answered, first, go_out, item, kept, the_month, words

KIM, FAY = 201, 202
KIM_S, FAY_S = "tel:+447700900201", "tel:+447700900202"
NEWCOMER = "tel:+447700900333"


async def looked(world: World) -> int:
    app = world.app
    return await look(app.database, app.vault, app.ids, app.settings.quiet, app.post.press, world.clock())


async def next_morning(world: World, who: str) -> list[str]:
    before = len(await world.told(who))
    world.clock.forward(timedelta(days=1))
    await world.ring()
    return [one.text for one in (await world.told(who))[before:]]


# NEWS


async def test_news_is_the_newest_issue_with_what_is_theirs_marked(world: World) -> None:
    (sayer,) = await put(world.app, [Somebody(consents=("newsletter",))])
    await answered(world, sayer, ["evenings"])
    assert await world.say(NEWCOMER, "NEWS") == ["There is no news yet. To see what is open, send EVENTS."]
    await kept(world, answer_to())
    await go_out(world, await first(world, 1))
    assert "no news yet" in (await world.say(NEWCOMER, "news"))[0], "what goes to a few is no newsletter"
    await kept(world)
    await go_out(world, await the_month(world))
    (told,) = await world.say(phone(0), "What's new?")
    assert "You told us: Places close too early." in told
    assert "A new room" in told
    (others,) = await world.say(NEWCOMER, "newsletter please")
    assert "People told us: Places close too early." in others
    rows = await world.rows("SELECT COUNT(*) FROM newsletter_told")
    assert rows[0][0] == 3


async def test_who_asked_for_the_news_does_not_get_it_again_unasked(world: World) -> None:
    await put(world.app, [Somebody(consents=("newsletter",)), Somebody(consents=("newsletter",))])
    await kept(world)
    month = await the_month(world, send_at=world.clock() + timedelta(hours=2))
    await course.start(world.app.post, month.number, world.clock())
    assert "no news yet" in (await world.say(phone(0), "NEWS"))[0], "it is not out before its hour"
    world.clock.forward(timedelta(hours=2))
    (told,) = await world.say(phone(0), "NEWS")
    assert "A new room" in told
    await preparing.tend(world.app.post, world.clock())
    assert [len(await world.told(phone(n))) for n in range(2)] == [2, 1]


async def test_in_a_language_without_reviewed_words_the_news_is_in_english(world: World) -> None:
    await put(world.app, [Somebody(language="ro", consents=()), Somebody(consents=("newsletter",))])
    await kept(world, item(words={**NEWS, "ro": words("Nou", "Text", by="")}))
    await go_out(world, await the_month(world))
    (told,) = await world.say(phone(0), "noutăți")
    assert told.startswith("News from MIME, November 2026\n\nA new room")


async def test_asking_for_the_news_leaves_a_question_that_waits_as_it_is(world: World) -> None:
    await put(world.app, [Somebody(consents=("newsletter",))])
    await kept(world)
    await go_out(world, await the_month(world))
    for word in ("CHECKIN", "yes"):
        await world.say(phone(0), word)
    assert "A new room" in (await world.say(phone(0), "NEWS"))[0]
    assert "matter" in (await world.say(phone(0), "7"))[0], "the answer to the question before"


# reminders


async def test_coordinators_hear_of_items_that_wait_when_the_month_ends(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    await put_staff(world, FAY, "Fay", Role.FACILITATOR, 2)
    world.clock.now = world.clock.now.replace(day=20)
    await kept(world)
    await kept(world)
    assert await looked(world) == 0, "there is time"
    world.clock.now = world.clock.now.replace(day=24)
    assert await looked(world) == 1
    assert await looked(world) == 0, "once is enough"
    expected = "The news of November 2026 has not been sent. Items that wait: 1, 2."
    assert await next_morning(world, KIM_S) == [expected]
    assert await world.told(FAY_S) == []
    assert await looked(world) == 0
    world.clock.forward(timedelta(days=2))
    assert await looked(world) == 1
    await put(world.app, [Somebody(consents=("newsletter",))])
    await go_out(world, await the_month(world))
    assert await next_morning(world, KIM_S) == [], "it was sent meanwhile"
    assert await looked(world) == 0


async def test_coordinators_hear_of_people_who_have_not_heard_back(world: World) -> None:
    await put_staff(world, KIM, "Kim", Role.COORDINATOR, 1)
    a, b = await put(world.app, [Somebody(), Somebody()])
    for who in (a, b):
        await answered(world, who, ["evenings"])
    world.clock.now = world.clock.now.replace(year=2027, month=3, day=3)
    assert await looked(world) == 1
    assert await next_morning(world, KIM_S) == [
        "People told us what they think, and nobody has told them yet what came of it:"
        " opening_hours (2 people, since 23 November 2026)"
    ]
    world.clock.forward(timedelta(days=20))
    assert await looked(world) == 0
    await kept(world, answer_to(month="2027-04"))
    world.clock.forward(timedelta(days=20))
    assert await looked(world) == 0, "an item names it"


async def test_the_demo_s_newsletter_goes_out_to_who_agreed_and_is_there_for_who_asks(world: World) -> None:
    await put(world.app, [Somebody(consents=("newsletter",), language="ur")])
    assert await add_news(world.app)
    assert not await add_news(world.app)
    await preparing.tend(world.app.post, world.clock())
    assert "شام کو کھلا" in (await world.told(phone(0)))[0].text
    for word, expected in (("nowości", "Otwarte wieczorem"), ("খবর", "Open in the evening")):
        who = f"tel:+4477009004{len(word):02}"
        await world.say(who, "polski" if word == "nowości" else "english")
        assert expected in (await world.say(who, word))[0]
