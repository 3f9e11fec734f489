"""What the team orders about events and opportunities by message, through the whole program on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.contact import Role
from domain.event import Access, Event
from flows.library import Library
from store import events, opportunities, team
from store.event_rules import known_of
from tests.bot.held import contact_of
from tests.bot.test_events import booked, held, rung
from tests.conftest import World
from tests.events import an_event

KIM, LEE, ANN = "telegram:7001", "tel:+447700900301", "tel:+447700900302"


async def joins(world: World, who: str, name: str, role: Role) -> None:
    contact_id = await contact_of(world, who)
    async with world.app.database.begin() as tx:
        await team.join(tx, world.app.vault, contact_id, name, role, None, "", world.clock())


async def as_it_is(world: World, number: int) -> Event:
    async with world.app.database.read() as tx:
        found = await events.numbered(tx, number)
    assert found is not None
    return found.event


async def two_days(world: World) -> Event:
    parts = [an_event(0, world.clock() + timedelta(days=n)) for n in (10, 17)]
    draft = replace(parts[0], days=tuple(day for part in parts for day in part.days))
    known = known_of(world.app.library)
    async with world.app.database.begin() as tx:
        made = await events.add(tx, world.app.ids(), draft, world.clock(), known)
        return await events.publish(tx, made.id, world.clock(), known)


async def test_one_of_several_days_is_moved_and_people_are_told_of_all_of_them(world: World) -> None:
    await joins(world, KIM, "Kim", Role.COORDINATOR)
    await two_days(world)
    await booked(world, ANN)
    (said,) = await world.say(KIM, "MOVE 1 12.12.")
    assert "It has 2 days. To move one of them, send MOVE 1 DAY 2" in said, "which of the two?"
    assert (await as_it_is(world, 1)).revision == 0
    (said,) = await world.say(KIM, "MOVE 1 DAY 3 12.12.")
    assert "It has 2 days" in said
    (said,) = await world.say(KIM, "move 1 day 2 12.12. 2pm-4pm")
    assert said == "Done. People who will be told: 1."
    (told,) = await rung(world, ANN, timedelta(minutes=1))
    assert "Thursday 3 December, 10am-12pm\nSaturday 12 December, 2pm-4pm" in told


async def test_a_text_in_another_language_is_added_by_message_and_what_is_missing_is_said(world: World) -> None:
    await joins(world, KIM, "Kim", Role.COORDINATOR)
    await held(world, 10)
    (said,) = await world.say(KIM, "EVENT 1")
    assert "The name is not there in: bn, pl, ro, ur. To add it, send TITLE 1 pl and the name." in said
    (said,) = await world.say(KIM, "TITLE 1 pl Spotkanie przy kawie")
    assert said == "Done. People who will be told: 0."
    (refused,) = await world.say(KIM, "WAY 1 pl Autobus 5 staje obok.")
    assert "it is not there in English" in refused
    for order in ("WAY 1 Bus 5 stops outside.", "WAY 1 pl Autobus 5 staje obok."):
        assert (await world.say(KIM, order))[0].startswith("Done.")
    await world.say(KIM, "ABOUT 1 We drink tea.")
    (refused,) = await world.say(KIM, "TITLE 1 ur Tea for schizophrenia")
    assert "gives away what it is about" in refused
    event = await as_it_is(world, 1)
    assert event.title == {"en": "Meeting in 10 days", "pl": "Spotkanie przy kawie"}
    assert (event.venue.way, event.about) == (
        {"en": "Bus 5 stops outside.", "pl": "Autobus 5 staje obok."},
        {"en": "We drink tea."},
    )
    (said,) = await world.say(KIM, "EVENT 1")
    assert "The name is not there in: bn, ro, ur." in said


async def test_who_is_no_coordinator_is_told_so_and_changes_nothing(world: World) -> None:
    await joins(world, LEE, "Lee", Role.FACILITATOR)
    await held(world, 10)
    for order in ("CALL OFF 1 YES no heating", "PLACES 1 3", "TITLE 1 Tea", "OPPORTUNITIES", "OPPORTUNITY 1"):
        assert await world.say(LEE, order) == ["Only a coordinator can do that."]
    event = await as_it_is(world, 1)
    assert (event.state.value, event.capacity, event.revision) == ("published", None, 0)
    assert "Places taken: 0 of -" in (await world.say(LEE, "EVENT 1"))[0]


async def test_an_opportunity_is_made_changed_published_and_withdrawn_by_message(world: World) -> None:
    await joins(world, KIM, "Kim", Role.COORDINATOR)
    assert await world.say(KIM, "opportunities") == ["Nothing is open."]
    for words in ("new opportunity", "interviews for new staff", "Help to choose a nurse", "One morning.", "skip"):
        await world.say(KIM, words)
    await world.say(KIM, "20 pounds an hour")
    said = await world.say(KIM, "31 12")
    assert "This is opportunity 1 now, as a draft." in said[-1]
    await world.say(ANN, "EVENTS")
    assert await world.rows("SELECT state FROM opportunities") == [("draft",)]
    (said_now,) = await world.say(KIM, "OPPORTUNITY 1 TITLE pl Pomoc w wyborze pielęgniarki")
    assert said_now.startswith("1 Help to choose a nurse\nOne morning.\n20 pounds an hour\nUntil Thursday 31 December")
    (refused,) = await world.say(KIM, "OPPORTUNITY 1 TITLE Interviews for a mental health nurse")
    assert "gives away what it is about" in refused
    (published,) = await world.say(KIM, "OPPORTUNITY 1 PUBLISH")
    assert "\nOpen\nPeople who asked for it: 0" in published
    assert await world.say(KIM, "OPPORTUNITIES") == ["1 Help to choose a nurse, Open, 0"]
    for words in ("polski", "EVENTS"):
        said = await world.say(ANN, words)
    assert "1 Inne sposoby udziału" in said[0], "there is no event, and still something is open"
    said = await world.say(ANN, "1")
    assert "Pomoc w wyborze pielęgniarki" in said[0]
    for words in ("1", "tak"):
        await world.say(ANN, words)
    await world.errands()
    (closes,) = await world.say(KIM, "OPPORTUNITY 1 CLOSES 15 12")
    assert "Until Tuesday 15 December, 11.59pm\nOpen\nPeople who asked for it: 1" in closes
    (sure,) = await world.say(KIM, "OPPORTUNITY 1 WITHDRAW they chose another")
    assert sure == "People who asked for it: 1. To withdraw it, send OPPORTUNITY 1 WITHDRAW YES and why."
    (again,) = await world.say(KIM, "OPPORTUNITY 1 WITHDRAW YES")  # nothing would explain it
    assert again == sure
    assert await world.say(KIM, "OPPORTUNITY 1 WITHDRAW YES The ward has closed.") == [
        "Done. People who will be told: 1."
    ]
    (told,) = await rung(world, ANN, timedelta(minutes=1))
    assert "The ward has closed." in told
    (refused,) = await world.say(KIM, "OPPORTUNITY 1 TITLE Another")
    assert "opportunity 1 is withdrawn: add a new one in its place" in refused
    assert await world.say(KIM, "OPPORTUNITY 9") == ["There is no opportunity 9. To see them all, send OPPORTUNITIES."]


async def test_an_opportunity_that_was_closed_opens_again_with_another_day(world: World) -> None:
    await joins(world, KIM, "Kim", Role.COORDINATOR)
    for words in ("new opportunity", "training by others", "First aid", "skip", "skip", "skip", "1 12"):
        await world.say(KIM, words)
    await world.say(KIM, "OPPORTUNITY 1 PUBLISH")
    world.clock.forward(timedelta(days=20))
    assert "\nClosed\n" in (await world.say(KIM, "OPPORTUNITY 1"))[0]
    assert "\nOpen\n" in (await world.say(KIM, "OPPORTUNITY 1 CLOSES 1 2"))[0]
    async with world.app.database.read() as tx:
        assert len(await opportunities.open_opportunities(tx, world.clock())) == 1


async def test_what_the_place_has_what_is_spoken_there_and_food_are_said_before_somebody_books(world: World) -> None:
    here = an_event(0, world.clock()).venue
    venue = type(here)(name=here.name, access=frozenset({Access.NEAR_BUS, Access.STEP_FREE}))
    await held(world, 10, venue=venue, food=True, languages=("en", "pl"))
    await world.say(ANN, "EVENTS")
    (said,) = await world.say(ANN, "1")
    lines = "The place has: no steps, bus stop nearby\nSpoken there: English, Polish\nThere is food.\n"
    assert f"\n{lines}Shall we keep a place for you?" in said
    await world.say(ANN, "polski")
    await world.say(ANN, "EVENTS")
    (said,) = await world.say(ANN, "1")
    assert (
        "\nNa miejscu: bez schodów, przystanek w pobliżu\nJęzyki na miejscu: angielski, polski\nBędzie jedzenie.\n"
        in said
    )


@pytest.mark.parametrize("word", ["HELP", "GUIDE"])
async def test_who_asks_for_help_hears_of_the_words_for_events(world: World, word: str) -> None:
    (said,) = await world.say(ANN, word)
    assert said.startswith("To see what is on, send EVENTS. To see your places, send BOOKINGS.")


def test_what_a_coordinator_may_name_is_what_the_files_know(flows: Library) -> None:
    assert {"en", "pl", "ur", "bn", "ro"} <= known_of(flows).languages
