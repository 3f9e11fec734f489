"""The evaluation data as files: every answer a row, and a codebook that says what each code means."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import assert_never

from evaluation.record import EvaluationRecord
from flows.conditions import PREFER_NOT_TO_SAY
from flows.model import Date, Flow, Hours, Integer, Locality, Question, Scale, SelectMultiple, SelectOne, Text, YesNo
from flows.replies import ELSEWHERE

ANSWERS = (
    "participant",
    "questionnaire",
    "version",
    "question",
    "value",
    "label",
    "language",
    "channel",
    "helper",
    "answered_at",
)
CODEBOOK = ("questionnaire", "version", "question", "type", "question_label", "value", "value_label")
#: What a spreadsheet would take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def write_answers(path: Path, records: AsyncIterator[EvaluationRecord]) -> int:
    """Write `answers.csv`; returns how many rows. UTF-8, one row an answer, times in UTC."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*ANSWERS, "response"))
        async for record in records:
            at = record.answered_at.isoformat(timespec="seconds")
            row = [at if name == "answered_at" else getattr(record, name) for name in (*ANSWERS, "response")]
            writer.writerow([_harmless(str(cell)) for cell in row])
            count += 1
    return count


def write_codebook(path: Path, flows: Iterable[Flow]) -> None:
    """Write `codebook.csv`: a row for each code of each question, as the questionnaires stand now."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CODEBOOK)
        for flow in (one for one in flows if not one.private):
            for row in _rows(flow):
                writer.writerow([_harmless(str(cell)) for cell in row])


def _rows(flow: Flow) -> Iterator[tuple[object, ...]]:
    for question in flow.asked():
        if isinstance(question, YesNo) and question.consent is not None:
            continue  # a consent is no answer
        if question.private:
            continue
        here = (flow.id, flow.version, question.name, question.type, question.label)
        yield from ((*here, value, words) for value, words in _codes(question))
        if not question.required:
            yield (*here, PREFER_NOT_TO_SAY, "Prefer not to say")
    if flow.score is not None:
        rule = flow.score
        words = (
            f"mean of {', '.join(rule.questions)} on 0 to 100; turned round: {', '.join(rule.reverse) or 'none'};"
            f" empty with fewer than {rule.at_least} answers"
        )
        yield (flow.id, flow.version, rule.name, "score", words, "0-100", "the higher the better")


def _codes(question: Question) -> Iterator[tuple[str, str]]:
    match question:
        case SelectOne(choices=choices) | SelectMultiple(choices=choices):
            yield from ((choice.name, choice.label) for choice in choices)
        case YesNo():
            yield from (("yes", "Yes"), ("no", "No"))
        case Scale(minimum=low, maximum=high, low=low_label, high=high_label):
            yield from ((str(low), low_label), (str(high), high_label))
        case Integer(minimum=low, maximum=high):
            yield f"{low}-{high}", "a number"
        case Text():
            yield "", "in their own words"
        case Date():
            yield "", "a date, year-month-day"
        case Locality(places=places):
            yield from ((place.name, place.label) for place in places)
            yield ELSEWHERE, "Elsewhere"
        case Hours():
            yield "", "hours and days (0 is Monday)"
        case _:
            assert_never(question)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
