"""What is wrong with an item of the newsletter before it is kept, in sentences that say what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from domain.broadcast import unfilled
from domain.event import Event, EventState
from domain.newsletter import Heard, Item, ItemKind, first_day, month_of
from flows.library import SOURCE_LANGUAGE, Library
from flows.lint import perhaps
from flows.model import Flow, Integer, Question, Scale, SelectMultiple, SelectOne, YesNo
from flows.newsletter import Issue, sms_segments
from flows.wording import gives_away
from store.event_rules import Fault, known_of

#: So many SMS segments may one item take, where the project says nothing else.
ITEM_SEGMENTS = 3
_LONGEST = {"title": 60, "said": 300, "text": 450, "more": 1500}
_LONGEST_LINK = 120
_SPACES = re.compile(r"\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What newsletters are made with. `numbers` fill the project's blanks; one item may take `item_segments` of an SMS;
    `public_base_url` is where our pages are, empty where we have no address.
    """

    library: Library
    numbers: Mapping[str, str]
    zone: ZoneInfo
    item_segments: int = ITEM_SEGMENTS
    public_base_url: str = ""


class ItemRefused(Exception):
    """An item cannot be kept so. `faults` has all that was found; the message has a line for each."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def faults_in(
    item: Item, press: Press, events: Mapping[int, Event], today: date, *, was: Item | None = None
) -> Iterator[Fault]:
    """Each fault. `events` are those that it names and that there are, by number; `was`: what is to be changed."""
    yield from _in_month(item, today, was)
    yield from _in_words(item, press)
    yield from _in_link(item)
    yield from _in_event(item, events)
    yield from _in_heard(item, press, events)
    yield from _in_length(item, press, events)


def _in_month(item: Item, today: date, was: Item | None) -> Iterator[Fault]:
    try:
        first_day(item.month)
    except ValueError as error:
        yield Fault(("month",), str(error))
        return
    if item.month < month_of(today) and (was is None or was.month != item.month):
        yield Fault(("month",), f"{item.month} is over: give this month or one to come")


def _in_words(item: Item, press: Press) -> Iterator[Fault]:
    if SOURCE_LANGUAGE not in item.words:
        yield Fault(("texts",), "it is not there in English: add en")
    known, blanks = known_of(press.library), frozenset(press.numbers)
    for language, words in item.words.items():
        if language not in known.languages:
            ours = ", ".join(sorted(known.languages))
            sentence = f"{language!r} is no language of ours{perhaps(language, known.languages)}: give one of {ours}"
            yield Fault(("texts", language), sentence)
        for name, longest in _LONGEST.items():
            place, text = ("texts", language, name), getattr(words, name)
            if not text and name in ("title", "text"):
                yield Fault(place, "it is empty: write it")
            if len(text) > longest:
                yield Fault(place, f"longer than {longest} letters: make it shorter")
            if name != "more" and (word := gives_away(text)) is not None:
                sentence = f"{word!r} gives away what it is about to whoever sees the phone: say it in other words"
                yield Fault(place, sentence)
            for blank in unfilled(text, blanks):
                yield Fault(place, f"{blank} is not filled: write what belongs there")
        if "\n" in words.title:
            yield Fault(("texts", language, "title"), "a title is one line")
        if words.said and item.kind is not ItemKind.YOU_SAID:
            sentence = f"only {ItemKind.YOU_SAID.value} says what people told us: change the kind, or take it out"
            yield Fault(("texts", language, "said"), sentence)
        if not words.said and item.kind is ItemKind.YOU_SAID:
            yield Fault(("texts", language, "said"), "it is missing: write in a sentence what people told us")


def _in_link(item: Item) -> Iterator[Fault]:
    if not item.link:
        return
    place = ("link",)
    try:
        parts = urlsplit(item.link)
        host, secret = parts.hostname or "", parts.username or parts.password
    except ValueError:
        yield Fault(place, "this is no web address: copy it from your browser, such as https://www.example.org/page")
        return
    if parts.scheme != "https":
        yield Fault(place, "a link begins with https://, so that nobody can read along or change it: give such a one")
    if "." not in host.strip(".") or _SPACES.search(item.link) or not item.link.isascii():
        yield Fault(place, "this is no web address: copy it from your browser, such as https://www.example.org/page")
    if secret:
        yield Fault(place, "it holds a name or a password: take that out")
    if len(item.link) > _LONGEST_LINK:
        sentence = f"longer than {_LONGEST_LINK} letters, which all are paid for in a text: look for a shorter address"
        yield Fault(place, sentence)


def _in_event(item: Item, events: Mapping[int, Event]) -> Iterator[Fault]:
    place = ("event",)
    if item.kind is not ItemKind.EVENT:
        if item.event is not None:
            yield Fault(place, "only an item of the kind event is about one: change the kind, or take it out")
    elif item.event is None:
        yield Fault(place, "it is missing: give the number of the event (mime event list)")
    elif (event := events.get(item.event)) is None:
        yield Fault(place, f"there is no event {item.event}: see mime event list")
    elif event.state is EventState.CALLED_OFF:
        yield Fault(place, f"event {item.event} is called off: name another, or remove the item")


def _in_heard(item: Item, press: Press, events: Mapping[int, Event]) -> Iterator[Fault]:
    heard = item.heard
    if heard is None:
        return
    if item.kind is not ItemKind.YOU_SAID:
        sentence = f"only {ItemKind.YOU_SAID.value} answers what people told us: change the kind, or take it out"
        yield Fault(("heard",), sentence)
    if len(heard.places) > 1:
        yield Fault(("heard",), f"{' and '.join(heard.places)}: give one of them, and make two items for both")
    if not heard.places and heard.since is None and heard.until is None:
        yield Fault(("heard",), "it says nothing: give a questionnaire, an event, what was wanted, or since and until")
    if heard.since is not None and heard.until is not None and heard.until < heard.since:
        yield Fault(("heard", "until"), "it is before since: change one of the two")
    for name in ("feedback_on", "came_to"):
        number = getattr(heard, name)
        if number is not None and number not in events:
            yield Fault(("heard", name), f"there is no event {number}: see mime event list --past")
    yield from _in_questionnaire(heard, press.library)
    yield from _in_wanted(heard, press.library)


def _in_questionnaire(heard: Heard, library: Library) -> Iterator[Fault]:
    if not heard.questionnaire:
        if heard.question:
            yield Fault(("heard", "question"), "of which questionnaire? Give questionnaire as well")
        if heard.answers:
            yield Fault(("heard", "answers"), "to which question? Give questionnaire and question as well")
        return
    there = [id for id, flow in library.flows.items() if any(counts(flow))]
    flow = library.flows.get(heard.questionnaire)
    if flow is None or heard.questionnaire not in there:
        sentence = f"{heard.questionnaire!r} is no questionnaire whose answers are kept"
        yield Fault(("heard", "questionnaire"), f"{sentence}{perhaps(heard.questionnaire, there)}")
        return
    questions = {one.name: one for one in counts(flow)}
    if not heard.question:
        if heard.answers:
            yield Fault(("heard", "answers"), "to which question? Give question as well")
        return
    question = questions.get(heard.question)
    if question is None:
        sentence = f"{flow.id} has no such question{perhaps(heard.question, questions)}: it has {', '.join(questions)}"
        yield Fault(("heard", "question"), sentence)
        return
    yield from _in_answers(heard, question)


def _in_answers(heard: Heard, question: Question) -> Iterator[Fault]:
    if not heard.answers:
        return
    match question:
        case SelectOne() | SelectMultiple() if question.choices:
            known = [choice.name for choice in question.choices]
        case YesNo():
            known = ["yes", "no"]
        case Scale():
            known = [str(n) for n in range(question.minimum, question.maximum + 1)]
        case Integer():
            known = [one for one in heard.answers if one.isdecimal()]
        case _:
            sentence = "people answer this in their own words: leave answers out, and all who answered it are meant"
            yield Fault(("heard", "answers"), sentence)
            return
    for n, answer in enumerate(heard.answers):
        if answer not in known:
            sentence = f"{answer!r} is no answer to {question.name}{perhaps(answer, known)}"
            yield Fault(("heard", "answers", n), f"{sentence}: give {', '.join(known) or 'a number'}")


def _in_wanted(heard: Heard, library: Library) -> Iterator[Fault]:
    if heard.districts and not heard.wanted:
        yield Fault(("heard", "districts"), "districts go with wanted, and with nothing else: take them out")
    known = wants(library)
    if heard.wanted and heard.wanted not in known:
        sentence = f"{heard.wanted!r} is nothing that people are asked whether they want it"
        yield Fault(("heard", "wanted"), f"{sentence}{perhaps(heard.wanted, known)}: give one of {', '.join(known)}")
    districts = known_of(library).districts
    for n, district in enumerate(heard.districts):
        if district not in districts:
            sentence = f"{district!r} is no district{perhaps(district, districts)}"
            yield Fault(("heard", "districts", n), f"{sentence}: give one of {', '.join(sorted(districts))}")


def _in_length(item: Item, press: Press, events: Mapping[int, Event]) -> Iterator[Fault]:
    """Counted for every language as it goes out by SMS, with the sentences around it; also before it is reviewed."""
    read = replace(
        item, words={tag: replace(words, reviewed_by=words.reviewed_by or "-") for tag, words in item.words.items()}
    )
    alone = Issue(month=item.month, items=(read,), zone=press.zone, numbers=press.numbers, events=events)
    for language, words in item.words.items():
        phrases = press.library.phrases.get(language)
        if phrases is None or not (words.title and words.text):
            continue
        taken = sms_segments(alone, read, language, phrases)
        if taken > press.item_segments:
            sentence = f"it takes {taken} segments by SMS, and an item may take {press.item_segments}: shorten it"
            yield Fault(("texts", language, "text"), f"{sentence}, and put what is left into more")


def counts(flow: Flow) -> Iterator[Question]:
    """The questions of a flow whose answers are kept as what somebody thinks: no consents, and nothing private."""
    if flow.private:
        return
    for question in flow.asked():
        consents = isinstance(question, YesNo) and question.consent is not None
        if not (question.private or consents):
            yield question


def wants(library: Library) -> list[str]:
    """What people are asked whether they would like more of it."""
    return [
        choice.name
        for flow in library.flows.values()
        for question in flow.asked()
        if isinstance(question, SelectOne) and question.name == "wanted"
        for choice in question.choices
    ]
