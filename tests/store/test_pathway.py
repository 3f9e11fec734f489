"""The way from a first event to leading others, and what is wanted more of, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from domain.event import Event, EventKind, EventRole, EventState
from store import demands, duties, pathway
from store import tables as t
from store.pathway import RULES, Path, Step
from store.times import to_ms
from tests.attending import Said, put_booking, put_person, stop
from tests.conftest import World
from tests.events import an_event, put_event

ANA, BEN, CEM, DEE = 101, 102, 103, 104


async def past(
    world: World, id: int, kind: EventKind, *came: int, missed: int | None = None, state: EventState | None = None
) -> Event:
    """Held so many days ago that events with higher ids came later."""
    event = replace(an_event(id, world.clock() - timedelta(days=100 - id), title=f"Event {id}"), kind=kind)
    event = event if state is None else replace(event, state=state)
    await put_event(world.app.database, event, world.clock())
    async with world.app.database.begin() as tx:
        for who in came:
            await put_booking(tx, world, id, who, came=True)
        if missed is not None:
            await put_booking(tx, world, id, missed, came=False)
    return event


async def paths(world: World) -> dict[int, Path]:
    async with world.app.database.read() as tx:
        return {one.contact_id: one for one in await pathway.paths(tx, world.app.vault, world.clock())}


async def ready(world: World, role: EventRole) -> dict[int, str]:
    async with world.app.database.read() as tx:
        found = await pathway.ready_for(tx, world.app.vault, role, world.clock())
    return {one.path.contact_id: one.why for one in found}


async def test_steps_follow_from_who_came_and_who_had_a_duty(world: World) -> None:
    await put_person(world, ANA, {"nickname": "Ana"})
    await put_person(world, BEN)
    await put_person(world, CEM, {"nickname": "Cem"})
    await past(world, 1, EventKind.WORKSHOP, ANA, missed=BEN)
    await past(world, 2, EventKind.ADVISORY_GROUP, ANA, state=EventState.CALLED_OFF)
    await past(world, 3, EventKind.ADVISORY_GROUP, ANA)
    await past(world, 4, EventKind.TRAINING, ANA)
    await past(world, 5, EventKind.TRAINING, ANA)
    await past(world, 6, EventKind.CONSULTATION)
    to_come = an_event(7, world.clock() + timedelta(days=3))
    await put_event(world.app.database, to_come, world.clock())
    async with world.app.database.begin() as tx:
        for event_id, who in ((6, ANA), (7, BEN)):
            await duties.give(tx, event_id, who, EventRole.FACILITATOR, world.clock())
        await duties.give(tx, 6, ANA, EventRole.NOTE_TAKER, world.clock())
    found = await paths(world)
    assert set(found) == {ANA}  # who said no more than their name, or has done nothing yet, is on no path
    ana = found[ANA]
    assert ana.name == "Ana"
    assert [(one.step, one.event.id) for one in ana.steps] == [
        (Step.FIRST_EVENT, 1), (Step.ADVISORY_GROUP, 3), (Step.TRAINING, 4), (Step.FACILITATOR, 6),
    ]  # fmt: skip
    assert [one.id for one in ana.came] == [1, 3, 4, 5]


async def test_a_facilitator_came_twice_and_to_training_or_has_led_before(world: World) -> None:
    for who in (ANA, BEN, CEM, DEE):
        await put_person(world, who)
    await past(world, 1, EventKind.WORKSHOP, ANA, BEN, DEE)
    await past(world, 2, EventKind.TRAINING, ANA, CEM, DEE)
    await past(world, 3, EventKind.STAND, BEN, ANA, missed=CEM)
    await past(world, 4, EventKind.VISIT)
    async with world.app.database.begin() as tx:
        await duties.give(tx, 4, CEM, EventRole.FACILITATOR, world.clock())
        await stop(tx, DEE)
    assert await ready(world, EventRole.FACILITATOR) == {
        ANA: "came to 3 events, and to training: Event 2",
        CEM: "did it at Event 4",
    }


async def test_who_can_take_notes_or_speak_and_has_come_can_be_asked(world: World) -> None:
    await put_person(world, ANA, {"skills": ["take_notes", "speak_in_public"]})
    await put_person(world, BEN, {"skills": ["take_notes"]})
    await put_person(world, CEM, {"skills": "prefer_not_to_say"})
    await past(world, 1, EventKind.WORKSHOP, ANA, CEM)
    assert await ready(world, EventRole.NOTE_TAKER) == {ANA: "came to 1 event, and can take notes"}
    assert await ready(world, EventRole.SPEAKER) == {ANA: "came to 1 event, and can speak in public"}
    assert (await paths(world))[BEN].skills == ("take_notes",)


@pytest.mark.parametrize(
    ("said", "language", "why"),
    [
        ({"languages_spoken": ["polish", "british_sign_language"]}, "en", "speaks Polish, British Sign Language"),
        ({"languages_spoken": ["urdu", "other"], "other_languages": "Sylheti"}, "en", 'speaks Urdu, "Sylheti"'),
        ({"languages_spoken": ["other"]}, "en", "speaks a language that they did not name"),
        ({"languages_spoken": ["nothing"]}, "en-simple", None),
        ({"languages_spoken": "prefer_not_to_say"}, "en", None),
        ({"languages_spoken": ["nothing"], "other_languages": "Sylheti"}, "en", None),  # said before, and taken back
        ({}, "pl", "reads our messages in pl"),
        ({}, "en", None),
    ],
)
async def test_an_interpreter_speaks_a_language_besides_english(
    world: World, said: Said, language: str, why: str | None
) -> None:
    await put_person(world, ANA, {"skills": ["practical"], **said}, language=language)
    assert (await ready(world, EventRole.INTERPRETER)).get(ANA) == why


def test_every_role_has_its_rule_in_words() -> None:
    assert set(RULES) == set(EventRole)


async def test_demand_is_counted_by_kind_and_district(world: World) -> None:
    now = world.clock()
    async with world.app.database.begin() as tx:
        assert await demands.demands(tx) == []
        for n, (kind, district, days) in enumerate(
            [("research", "harlow", 3), ("research", "harlow", 9), ("research", "", 1), ("social", "harlow", 5)]
        ):
            row = {
                "id": n,
                "contact_id": n,
                "kind": kind,
                "district": district,
                "at": to_ms(now - timedelta(days=days)),
            }
            await tx.execute(insert(t.demands).values(row))
        found = await demands.demands(tx)
    assert [(one.kind, one.district, one.people) for one in found] == [
        ("research", "harlow", 2), ("social", "harlow", 1), ("research", "", 1),
    ]  # fmt: skip
    assert (now - found[0].since, now - found[0].last) == (timedelta(days=9), timedelta(days=3))


async def test_what_somebody_says_after_skills_is_kept_with_them_and_goes_nowhere_else(world: World) -> None:
    who = "tel:+447700900105"
    for words in ("SKILLS", "1 and 7", "sewing", "1 and 6", "Sylheti"):
        await world.say(who, words)
    (one,) = (await paths(world)).values()
    assert (one.skills, one.other_skills) == (("take_notes", "other"), "sewing")
    assert (one.languages, one.other_languages) == (("polish", "other"), "Sylheti")
    assert await world.rows("SELECT id FROM answers") == []
    for words in ("skills", "8", "skip"):
        await world.say(who, words)
    assert await paths(world) == {}
