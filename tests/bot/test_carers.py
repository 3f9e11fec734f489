"""Carers through the whole program: what reaches their phone, for every scope and every kind of message."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.conftest import World

ANN, BEN = "tel:+447700900201", "tel:+447700900202"
SCOPES = {"nothing": "1", "reminders": "2", "help": "3", "answer": "4"}
SECRET = "zebra crossing"


async def linked(world: World, scope: str) -> None:
    """Ann is in a check-in, and Ben is her carer with that scope (first a wider one, where it is nothing)."""
    for words in ("CHECKIN", "yes", "CARER", SCOPES["reminders" if scope == "nothing" else scope], "yes", "Annie"):
        said = await world.say(ANN, words)
    (code,) = re.findall(r"\d{4} \d{4}", " ".join(said))
    assert "linked with Annie" in (await world.say(BEN, code))[0]
    if scope == "nothing":
        await world.say(ANN, "CARER")
        await world.say(ANN, "1")


async def reached(world: World, *words: str) -> list[str]:
    """What Ben was sent while Ann sent these."""
    before = len(await world.told(BEN))
    for one in words:
        await world.say(ANN, one)
    return [message.text for message in (await world.told(BEN))[before:]]


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_question_reaches_a_carer_who_helps(world: World, scope: str) -> None:
    await linked(world, scope)
    told = await reached(world, "7")
    assert bool(told) is (scope in ("help", "answer"))
    assert all(text.startswith("Annie has this question:\n") for text in told)
    assert not any("7" in text.split("\n")[0] for text in told), "the answer is nobody's to know"


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_reminder_reaches_a_carer_who_gets_reminders(world: World, scope: str) -> None:
    await linked(world, scope)
    before = len(await world.told(BEN))
    world.clock.forward(timedelta(hours=21))
    await world.ring()
    told = [message.text for message in (await world.told(BEN))[before:]]
    expected = [] if scope == "nothing" else ["Hello from MIME. A reminder for Annie: a question is waiting."]
    assert told == expected


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "words",
    [
        ("MY DATA",),
        ("NEEDS", "1", "6", "2", "skip", "skip"),
        ("stop the questions",),
        ("PERSON", SECRET),
        ("I want to kill myself",),
        ("GUIDE",),
        ("polski",),
        ("LINK",),
        ("DELETE LAST",),
        ("SHARE", "Ann", "Cem"),
        ("STOP",),
    ],
    ids=lambda words: words[0],
)
async def test_nothing_else_reaches_a_carer(world: World, scope: str, words: tuple[str, ...]) -> None:
    await linked(world, scope)
    await world.say(ANN, "7")
    told = await reached(world, *words)
    questions = [text for text in told if text.startswith("Annie has this question:\n")]
    assert [text for text in told if text not in questions] == []
    assert all("things you do matter" in text for text in questions), "only what Ann herself was asked again"
    assert not any(SECRET in text for text in told)


@pytest.mark.parametrize("scope", SCOPES)
async def test_only_who_may_answer_answers_and_the_data_say_so(world: World, scope: str) -> None:
    await linked(world, scope)
    await world.say(BEN, "annie")
    await world.say(BEN, "6")
    rows = await world.rows("SELECT question, helper FROM answers ORDER BY answered_at, id")
    assert [tuple(row) for row in rows] == ([("content", "carer")] if scope == "answer" else [])


async def test_a_carers_own_words_stay_their_own(world: World) -> None:
    await linked(world, "answer")
    await world.say(BEN, "annie")
    await world.say(BEN, "6")
    data = " ".join(await world.say(BEN, "MY DATA"))
    assert "Answers: 0" in data, "Annie's data are not Ben's to read"
    assert "FORGET" in data
    await world.say(BEN, "FORGET ME")
    await world.say(BEN, "yes")
    for sender in world.app.senders:  # the goodbye goes out first
        await sender.drain()
    world.clock.forward(timedelta(hours=1))
    await world.ring()
    assert len(await world.rows("SELECT id FROM contacts")) == 1
    assert len(await world.rows("SELECT id FROM answers")) == 1


async def test_unlink_ends_it_at_once_and_tells_both(world: World) -> None:
    await linked(world, "answer")
    before = len(await world.told(BEN))
    assert await world.say(ANN, "UNLINK") == ["Done. No carer gets anything about you from us now."]
    assert [m.text for m in (await world.told(BEN))[before:]] == [
        "You are no longer linked with Annie. Thank you for your help."
    ]
    await world.say(BEN, "annie")
    await world.say(BEN, "6")
    assert await reached(world, "7") == []
    rows = await world.rows("SELECT helper FROM answers")
    assert [tuple(row) for row in rows] == [("",)]


async def test_the_person_learns_that_a_carer_answered(world: World) -> None:
    await linked(world, "answer")
    await world.say(BEN, "annie")
    before = len(await world.told(ANN))
    for words in ("7", "7", "7", "7", "7", "7", "skip", "no"):
        await world.say(BEN, words)
    told = [m.text for m in (await world.told(ANN))[before:]]
    assert told == ["Your carer has answered questions for you. To change what they may do, send CARER."]
