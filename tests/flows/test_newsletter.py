"""How a newsletter reads, in every language: what is on file is what people get today."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.news import paper
from domain.newsletter import ItemKind, answered, first_day, lacking, last_day
from domain.sms import prepare, segments
from flows.newsletter import Issue, sms_segments
from tests.events import an_event
from tests.flows.shipped import LANGUAGES, ROOT, library
from tests.newsletters import DONE_EVERYWHERE, MONTH, NEWS_EVERYWHERE, answer_to, item

GOLDEN = ROOT / "tests" / "golden" / "newsletter"
NEWS = item(id=1, number=1, words=NEWS_EVERYWHERE, link="https://www.example.org/room")
DONE = answer_to(id=2, number=2, words=DONE_EVERYWHERE)
EVENT = item(id=3, number=3, kind=ItemKind.EVENT, words=NEWS_EVERYWHERE, event=7)
ISSUE = Issue(
    month=MONTH,
    items=(DONE, NEWS, EVENT),
    zone=ZoneInfo("Europe/London"),
    numbers={"phone": "01632 960123"},
    events={7: an_event(7, datetime(2026, 12, 8, 14, tzinfo=UTC))},
    page="https://mime.example.org/n/abcdefgh",
    quotes={2: ("I can come after work now.", "en")},
)


def as_people_get_it(language: str) -> str:
    phrases = library().phrases[language]
    theirs = replace(ISSUE, items=(DONE,), theirs=True)
    ways = {
        "to those who said it, by SMS": theirs.message(language, phrases, short=True),
        "to everybody, by SMS": ISSUE.message(language, phrases, short=True),
        "to everybody, by Telegram": ISSUE.message(language, phrases, short=False),
        "asked for again, by who had said it": ISSUE.message(language, phrases, short=True, mine={2}),
        "on paper": paper.text(ISSUE, language, phrases),
    }
    parts = [f"# {way}\n\n{text.rstrip()}\n" for way, text in ways.items()]
    return "\n".join([*parts, f"# segments by SMS: {segments(prepare(ways['to everybody, by SMS'])).count}\n"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_reads_as_it_is_on_file(language: str) -> None:
    path, today = GOLDEN / f"{language}.txt", as_people_get_it(language)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(today, "utf-8")
        return
    assert today == path.read_text("utf-8"), f"{path.name} has changed; see what UPDATE_GOLDEN=1 makes of it"


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_item_of_an_ordinary_length_fits_its_segments_in_every_language(language: str) -> None:
    phrases = library().phrases[language]
    assert all(sms_segments(ISSUE, one, language, phrases) <= 3 for one in ISSUE.items)


def test_who_had_an_item_gets_the_rest() -> None:
    phrases = library().phrases["en"]
    rest = ISSUE.message("en", phrases, short=True, had=(2, 3))
    assert "A new room" in rest
    assert "Oak Centre" not in rest


def test_a_number_of_the_project_is_filled_in_and_words_of_one_language_stay_in_it() -> None:
    phrases = library().phrases["en"]
    called = {"en": replace(NEWS_EVERYWHERE["en"], text="Call {phone}.")}
    issue = replace(ISSUE, items=(replace(NEWS, words=called),))
    assert "Call 01632 960123." in issue.message("en", phrases, short=True)
    assert ISSUE.shown(DONE, "en-simple").quote == "I can come after work now."
    assert ISSUE.shown(DONE, "pl").quote == ""


def test_what_nobody_has_read_is_not_there() -> None:
    unread = {tag: replace(words, reviewed_by="" if tag == "pl" else "x") for tag, words in NEWS_EVERYWHERE.items()}
    one = replace(NEWS, words=unread)
    assert lacking([one, DONE], ["en", "en-simple", "pl", "ro"]) == {"pl": (1,)}
    assert replace(ISSUE, items=(one,)).speaks("en-simple")
    assert not replace(ISSUE, items=(one, DONE)).speaks("pl")
    assert not replace(ISSUE, items=()).speaks("en")


def test_months_have_a_first_and_a_last_day() -> None:
    assert (first_day("2024-02").isoformat(), last_day("2024-02").isoformat()) == ("2024-02-01", "2024-02-29")
    assert last_day("2026-12").isoformat() == "2026-12-31"
    for wrong in ("2026-13", "2026-1", "1999-12", "2026-12-01", ""):
        with pytest.raises(ValueError, match="write it such as 2026-12"):
            first_day(wrong)


def test_an_item_answers_nothing_that_was_said_after_it_was_made() -> None:
    made = first_day("2026-11")
    late = replace(DONE, heard=replace(DONE.heard, until=first_day("2027-01"))) if DONE.heard else DONE
    assert answered([(late, made)]).until("opening_hours") == made
    assert answered([(DONE, made)]).until("wellbeing") is None
