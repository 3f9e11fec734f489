"""The demo's programme: it is always to come, is there once, and shows nothing on a lock screen."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot.programme import PROGRAMME, Sample, add_offers, add_programme
from domain.event import Event, EventKind, EventState, Venue
from flows.wording import grade
from store import events
from store.event_files import as_written, event_of
from store.event_rules import known_of
from tests.conftest import World

GIVES_AWAY = re.compile(r"mental|psych|depress|anxi|therap|illness|disorder|diagnos|patient|clinic|crisis|stigma", re.I)


async def to_come(world: World) -> list[Event]:
    async with world.app.database.read() as tx:
        return [one.event for one in await events.listing(tx, world.clock())]


async def test_it_is_added_once_and_again_when_all_of_it_is_over(world: World) -> None:
    assert await add_programme(world.app) == len(PROGRAMME) == 9
    assert await add_programme(world.app) == 0
    first = await to_come(world)
    assert {event.state for event in first} == {EventState.PUBLISHED}
    world.clock.forward(timedelta(days=20))
    assert await add_programme(world.app) == 0
    world.clock.forward(timedelta(days=40))
    assert await add_programme(world.app) == 9
    again = await to_come(world)
    assert [event.number for event in again if event.number <= 9] == []
    assert {event.title["en"] for event in again} == {event.title["en"] for event in first}


async def test_there_are_other_ways_to_take_part_which_are_added_once(world: World) -> None:
    assert await add_offers(world.app) == 2
    assert await add_offers(world.app) == 0
    (said,) = await world.say("tel:+447700900101", "events")
    assert "1 Other ways to take part" in said
    (said,) = await world.say("tel:+447700900101", "1")
    assert "1 Help to choose a new worker\n2 Help to choose who runs a service\n" in said
    world.clock.forward(timedelta(days=40))
    assert await add_offers(world.app) == 2


@pytest.mark.parametrize("days", range(7))
async def test_it_can_be_held_from_any_day_of_the_week(world: World, days: int) -> None:
    world.clock.forward(timedelta(days=days, hours=13))
    assert await add_programme(world.app) == 9
    found = await to_come(world)
    assert len({event.venue.district for event in found}) == 7
    assert {event.kind for event in found} == set(EventKind) - {EventKind.SUPERVISION}
    (module,) = (event for event in found if len(event.days) == 4)
    assert module.kind is EventKind.TRAINING
    (second,) = (event for event in found if event.after is not None)
    assert next(event.title["en"] for event in found if event.number == second.after) == "Leading a group, part 1"


async def test_an_event_of_somebody_s_own_keeps_its_room(world: World) -> None:
    sample = PROGRAMME[0].on(world.clock().date(), world.app.settings.quiet.zone)
    venue = Venue(name=sample.venue.name, room="garden room")
    own = Event(id=0, number=0, kind=EventKind.VISIT, title={"en": "Mine"}, venue=venue, days=sample.days)
    async with world.app.database.begin() as tx:
        await events.add(tx, world.app.ids(), own, world.clock(), known_of(world.app.library))
    assert await add_programme(world.app) == 8


@pytest.mark.parametrize("sample", PROGRAMME, ids=lambda sample: sample.title)
def test_its_texts_are_easy_and_give_nothing_away(sample: Sample) -> None:
    event = sample.event
    texts = [event["title"], event.get("about", {}), event.get("welcome", {}), event["venue"].way]
    texts += [text for one in event.get("criteria", ()) for text in (one.label, one.why)]
    assert set(event["title"]) == {"en", "pl", "ro", "ur", "bn"}
    for text in texts:
        assert not any(GIVES_AWAY.search(words) for words in text.values())
        assert not text or len(text["en"].split()) < 9 or grade(text["en"]) <= 6, (grade(text["en"]), text["en"])


async def test_each_can_be_written_as_a_file(world: World) -> None:
    zone = world.app.settings.quiet.zone
    for sample in PROGRAMME:
        event = sample.on(world.clock().date(), zone)
        assert event_of(as_written(event, zone), zone).event == event
