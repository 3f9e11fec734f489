"""The evaluation store: each answer once however often it comes, and never an older one over a newer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evaluation.migrations
from bot.migrate import migrate
from evaluation.record import EvaluationRecord
from evaluation.store import EvaluationStore

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
MOOD = EvaluationRecord(
    "participant-0001", "response-0000001", "wellbeing", 1, "mood", 3, False, "7", "7", "en", "sms", "", AT
)


@pytest.fixture
async def store(store_urls: tuple[str, str]) -> AsyncIterator[EvaluationStore]:
    store = await opened(store_urls[1])
    yield store
    await store.close()


async def opened(url: str) -> EvaluationStore:
    store = EvaluationStore(url)
    await migrate(store.engine, evaluation.migrations)
    return store


async def standing(store: EvaluationStore) -> list[EvaluationRecord]:
    return [record async for record in store.stream()]


async def test_an_answer_that_comes_again_is_there_once(store: EvaluationStore) -> None:
    for _ in range(3):
        await store.put([MOOD])
    await store.put([MOOD, MOOD])
    assert await standing(store) == [MOOD]


async def test_nothing_is_put_where_there_is_nothing(store: EvaluationStore) -> None:
    await store.put([])
    assert await standing(store) == []


async def test_revisions_in_any_order_come_to_the_newest(store: EvaluationStore) -> None:
    revisions = [replace(MOOD, revision=n, value=str(n), label=f"label {n}") for n in (3, 4, 7)]
    for n, order in enumerate(permutations(revisions)):
        for record in order:
            await store.put([replace(record, response=f"response-{n}")])
    assert await standing(store) == [replace(revisions[-1], response=f"response-{n}") for n in range(6)]


async def test_what_was_withdrawn_stays_withdrawn(store: EvaluationStore) -> None:
    gone = replace(MOOD, revision=5, withdrawn=True, value="", label="")
    for order in permutations([MOOD, gone, replace(MOOD, revision=4)]):
        await store.put(list(order))
        await store.put([MOOD])
        assert await standing(store) == []
    again = replace(MOOD, revision=6, value="2")
    await store.put([again])  # answered anew after that
    assert await standing(store) == [again]


async def test_a_batch_is_put_whole_or_not_at_all(store: EvaluationStore) -> None:
    nothing: Any = None  # what no record may hold, and the table refuses
    bad = replace(MOOD, question="worry", value=nothing)
    with pytest.raises(Exception, match=r"(?i)null"):
        await store.put([MOOD, bad])
    assert await standing(store) == []


async def test_answers_come_out_in_order_and_their_times_in_utc(store: EvaluationStore) -> None:
    summer = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    given = [
        replace(MOOD, questionnaire=flow, response=f"{flow[:5]}-{n}", question=question, answered_at=at)
        for flow in ("wellbeing", "opening_hours")
        for n in (2, 1)
        for question, at in (("b", summer), ("a", AT + timedelta(seconds=1)), ("c", AT - timedelta(days=1)))
    ]
    await store.put(given)
    found = await standing(store)
    assert found == sorted(given, key=lambda r: (r.questionnaire, r.response, r.answered_at, r.question))
    assert {record.answered_at.utcoffset() for record in found} == {timedelta()}


@pytest.fixture
def running(store_urls: tuple[str, str]) -> Iterator[tuple[asyncio.Runner, EvaluationStore]]:
    with asyncio.Runner() as runner:
        store = runner.run(opened(store_urls[1]))
        yield runner, store
        runner.run(store.close())


_RECORDS = st.builds(
    lambda question, revision, withdrawn: (question, revision, withdrawn),
    st.sampled_from(["mood", "worry"]),
    st.integers(1, 6),
    st.booleans(),
)


def test_any_course_of_batches_comes_to_the_same_as_its_newest_revisions(
    running: tuple[asyncio.Runner, EvaluationStore],
) -> None:
    runner, store = running
    runs = iter(range(100_000))

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(_RECORDS, max_size=6), max_size=6))
    def courses(batches: list[list[tuple[str, int, bool]]]) -> None:
        response = f"run-{next(runs)}"
        # of one revision there is only one form: whether it was withdrawn is part of it
        newest: dict[str, EvaluationRecord] = {}
        forms: dict[tuple[str, int], bool] = {}
        for batch in batches:
            records = []
            for question, revision, withdrawn in batch:
                gone = forms.setdefault((question, revision), withdrawn)
                record = replace(MOOD, response=response, question=question, revision=revision, withdrawn=gone)
                records.append(record)
                if question not in newest or newest[question].revision < revision:
                    newest[question] = record
            runner.run(store.put(records))
        found = [record for record in runner.run(standing(store)) if record.response == response]
        assert {r.question: r for r in found} == {q: r for q, r in newest.items() if not r.withdrawn}

    courses()
