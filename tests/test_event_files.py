"""An event's file: every fault has its line and says what to do, and what we write reads as the same event."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.event import REMINDERS, Access, Criterion, Day, Event, EventKind, Venue
from flows.yaml_files import FileError
from store.event_files import as_written, event_of, file_of, in_words, read_event
from store.event_rows import COLUMNS, as_event, as_row
from store.event_rules import EventRefused, Fault, Known, faults_in

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
KNOWN = Known(frozenset({"en", "en-simple", "pl", "ur"}), frozenset({"colchester", "tendring", "harlow"}))
GOOD = """\
kind: training
title: {en: "Asking good questions", pl: "Jak dobrze pytać"}
days:
  - {date: 2026-12-08, from: "10:00", to: "15:30"}
  - {date: 2026-12-09, from: 10.00, to: "2026-12-10 00:30"}
venue:
  name: Mill Lane Hall
  address: 3 Mill Lane, Colchester
  postcode: CO1 9ZZ
  room: Oak
  way: Bus 61 stops outside.
  access: [step_free, quiet_room]
  district: colchester
  cost: 45.50
capacity: 12
places_for_companions: 2
criteria:
  - name: area
    label: {en: living in North Essex}
    why: The money is for that area.
    districts: [colchester, tendring]
welcome: All are welcome.
about: Four days.
fee: free
food: yes
languages: en, pl
after: 3
reminders: [1 week, 90 minutes]
"""


def event_in(folder: Path, text: str) -> Event:
    path = folder / "event.yaml"
    path.write_text(text, "utf-8")
    read = read_event(path, LONDON)
    found = list(faults_in(read.draft.event, KNOWN, NOW, first=first(read.draft.event)))
    if found:
        raise read.fault(EventRefused(*found))
    return read.draft.event


def first(event: Event) -> Event | None:
    """Event 3, which was before all that is tested here, is the only one there is."""
    if event.after != 3:
        return None
    days = (Day(NOW - timedelta(days=2), NOW - timedelta(days=1)),)
    return Event(id=3, number=3, kind=EventKind.TRAINING, title={"en": "Part one"}, venue=Venue(name="X"), days=days)


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} is there {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def test_a_good_file_is_an_event(tmp_path: Path) -> None:
    event = event_in(tmp_path, GOOD)
    assert event.kind is EventKind.TRAINING
    assert event.title == {"en": "Asking good questions", "pl": "Jak dobrze pytać"}
    assert event.days == (
        Day(datetime(2026, 12, 8, 10, tzinfo=UTC), datetime(2026, 12, 8, 15, 30, tzinfo=UTC)),
        Day(datetime(2026, 12, 9, 10, tzinfo=UTC), datetime(2026, 12, 10, 0, 30, tzinfo=UTC)),
    )
    assert (event.venue.cost, event.venue.way) == (4550, {"en": "Bus 61 stops outside."})
    assert event.venue.access == {Access.STEP_FREE, Access.QUIET_ROOM}
    assert (event.capacity, event.kept, event.food, event.after) == (12, 2, True, 3)
    (criterion,) = event.criteria
    assert criterion.label == {"en": "living in North Essex"}
    assert criterion.districts == {"colchester", "tendring"}
    assert (event.languages, event.fee) == (("en", "pl"), {"en": "free"})
    assert event.reminders == (timedelta(weeks=1), timedelta(minutes=90))


def test_a_short_file_is_enough() -> None:
    draft = event_of(
        {"kind": "visit", "title": "Tea", "date": "2026-07-01", "from": "14:00", "to": "15:00", "venue": "The Anchor"},
        LONDON,
    )
    assert draft.by_name
    assert draft.event.starts_at == datetime(2026, 7, 1, 13, tzinfo=UTC)  # the clocks are an hour ahead in summer
    assert draft.event.reminders == REMINDERS
    assert (draft.event.capacity, draft.event.food) == (None, False)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("kind: training", "kind: trainning", 1, "kind: 'trainning' is none of consultation"),
        ("kind: training\n", "", 1, "kind: 'kind' is missing"),
        ("kind: training", "kind: training\nkind: visit", 2, "'kind' is given twice"),
        ("food: yes", "foood: yes", 25, "foood: 'foood' means nothing here; did you mean 'food'?"),
        ("food: yes", "food: perhaps", 25, "food: 'perhaps': write yes or no"),
        ('{en: "Asking good questions", pl: "Jak dobrze pytać"}', "[a]", 2, "title: expected a text, or one for each"),
        ('en: "Asking good questions", ', "", 2, "title: it is not there in English: add en"),
        ('pl: "Jak dobrze pytać"', "pll: x", 2, "title.pll: 'pll' is no language of ours; did you mean 'pl'?"),
        ('pl: "Jak dobrze pytać"', 'pl: ""', 2, "title.pl: it is empty"),
        ('"Jak dobrze pytać"', f'"{"a" * 81}"', 2, "title.pl: longer than 80 letters"),
        ("date: 2026-12-08", "date: 8/12/2026", 4, "days.0.date: '8/12/2026' is no day: write it such as 2026-12-08"),
        ("date: 2026-12-08", "date: 2026-02-30", 4, "days.0.date: '2026-02-30' is no day"),
        ("date: 2026-12-08", "date: 2026-11-22", 4, "days.0: it begins in the past"),
        ('from: "10:00"', 'from: "25:00"', 4, "days.0.from: '25:00' is no time: write it such as 14:00"),
        ('from: "10:00", ', "", 4, "days.0: 'from' is missing"),
        ('to: "15:30"', 'to: "09:30"', 4, "days.0.to: it ends before it starts"),
        ('to: "15:30"', 'to: "15:30 again"', 4, "days.0.to: the clocks show 15:30 only once that day"),
        ("2026-12-08, from", "2027-03-28, from", 5, "days.1: it is before the day above it"),
        ('2026-12-08, from: "10:00"', '2027-03-28, from: "01:30"', 4, "days.0.from: the clocks go forward and skip"),
        ("date: 2026-12-09, from: 10.00", "date: 2026-12-08, from: 15.00", 5, "days.1: it begins before the day above"),
        ("days:\n", "date: 2026-12-08\ndays:\n", 3, "date: give date: for one day, or days: for several, and not both"),
        ("  name: Mill Lane Hall\n", "", 6, "venue.name: 'name' is missing"),
        ("  room: Oak", "  romm: Oak", 10, "venue.romm: 'romm' means nothing here; did you mean 'room'?"),
        ("step_free", "step-free", 12, "venue.access.0: 'step-free' is none of step_free"),
        ("district: colchester", "district: colchster", 13, "is no district; did you mean 'colchester'?"),
        ("cost: 45.50", "cost: 45 quid", 14, "venue.cost: '45 quid' is no amount"),
        ("capacity: 12", "capacity: twelve", 15, "capacity: 'twelve' is no number"),
        ("capacity: 12", "capacity: 0", 15, "capacity: give a number of people from 1"),
        ("capacity: 12", "capacity: 1", 16, "places_for_companions: more than the capacity of 1"),
        ("  - name: area", "  - name: The Area", 18, "criteria.0.name: 'The Area' is no name"),
        ("    label: {en: living in North Essex}\n", "", 18, "criteria.0.label: 'label' is missing"),
        ("[colchester, tendring]", "[colchester, tendrin]", 21, "'tendrin' is no district; did you mean 'tendring'?"),
        ("languages: en, pl", "languages: [en, klingon]", 26, "languages.1: 'klingon' is no language of ours"),
        ("languages: en, pl", "languages: en, en", 26, "languages.1: 'en' is there twice"),
        ("after: 3", "after: 4", 27, "after: there is no event 4"),
        ("1 week, 90 minutes", "1 week, soon", 28, "reminders.1: 'soon' is no time before"),
        ("1 week, 90 minutes", "1 week, 7 days", 28, "reminders.1: it is there twice"),
        ("1 week, 90 minutes", "1 minute", 28, "reminders.0: give a time between 10 minutes and 8 weeks"),
        ("languages: en, pl", "languages: {en: pl}", 26, "languages: expected a list"),
        ("food: yes", "food: [yes", None, "check the indentation and the quotes"),
    ],
)  # fmt: skip
def test_a_fault_has_its_line(tmp_path: Path, old: str, new: str, line: int | None, said: str) -> None:
    with pytest.raises(FileError) as raised:
        event_in(tmp_path, changed(old, new))
    lines = str(raised.value).splitlines()
    if line is None:
        assert said in lines[0]
    else:
        assert any(one.startswith(f"{tmp_path}/event.yaml:{line}: ") and said in one for one in lines), lines


def test_all_faults_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    text = changed("kind: training", "kind: x").replace("capacity: 12", "capacity: x").replace("food: yes", "food: x")
    with pytest.raises(FileError) as raised:
        event_in(tmp_path, text)
    assert [line.split(":")[1] for line in str(raised.value).splitlines()] == ["1", "15", "25"]


@pytest.mark.parametrize("text", ["", "- a\n", "text", "kind: training\n"])
def test_a_file_that_is_no_event_gets_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileError):
        event_in(tmp_path, text)


def test_a_time_that_the_clocks_show_twice_is_the_first_unless_it_says_again() -> None:
    written = {"kind": "visit", "title": "Tea", "date": "2027-10-31", "from": "00:30", "venue": "The Anchor"}
    for to, hours in (("01:30", 1), ("01:30 again", 2), ("02:30", 3)):
        (day,) = event_of({**written, "to": to}, LONDON).event.days
        assert day.ends_at - day.starts_at == timedelta(hours=hours)


def test_one_thing_alone_is_read_as_it_would_stand_in_a_file() -> None:
    assert in_words("12", "capacity") == "12"
    assert in_words("[1 day, 2 hours]", "reminders") == ["1 day", "2 hours"]
    assert in_words("{en: Tea, pl: Herbata}", "title") == {"en": "Tea", "pl": "Herbata"}
    assert in_words("Tea: and cake: for all", "title") == "Tea: and cake: for all"
    assert in_words("", "capacity") == ""
    with pytest.raises(EventRefused) as raised:
        event_of("Tea", LONDON)
    assert raised.value.faults == (Fault((), "expected the fields of an event, such as title: and date:, a line each"),)


# What we write reads as the same event

LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs", "M"))
WORDS = st.text(LETTERS, min_size=1, max_size=40).map(str.strip).filter(bool)
PARAGRAPHS = st.lists(WORDS, min_size=1, max_size=3).map("\n".join)


def texts(of: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(sorted(KNOWN.languages - {"en"})), of).flatmap(
        lambda others: of.map(lambda english: {"en": english, **others})
    )


def some_texts(of: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.just({}) | texts(of)


MINUTES = st.integers(0, 366 * 24 * 60)
DAYS = st.lists(st.tuples(MINUTES, st.integers(1, 2000)), min_size=1, max_size=4).map(
    lambda found: tuple(
        Day(start, start + timedelta(minutes=long))
        for start, long in sorted((datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=at), n) for at, n in found)
    )
)
VENUES = st.builds(
    Venue,
    name=WORDS,
    address=st.just("") | PARAGRAPHS,
    postcode=st.just("") | WORDS,
    room=st.just("") | WORDS,
    way=some_texts(PARAGRAPHS),
    access=st.frozensets(st.sampled_from(Access)),
    district=st.sampled_from(["", *KNOWN.districts]),
    cost=st.none() | st.integers(0, 100_000),
)
CRITERIA = st.builds(
    Criterion,
    name=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
    label=texts(WORDS),
    why=some_texts(PARAGRAPHS),
    districts=st.frozensets(st.sampled_from(sorted(KNOWN.districts))),
)
EVENTS = st.builds(
    Event,
    id=st.just(0),
    number=st.just(0),
    kind=st.sampled_from(EventKind),
    title=texts(WORDS),
    venue=VENUES,
    days=DAYS,
    about=some_texts(PARAGRAPHS),
    welcome=some_texts(PARAGRAPHS),
    fee=some_texts(WORDS),
    criteria=st.lists(CRITERIA, max_size=3, unique_by=lambda one: one.name).map(tuple),
    capacity=st.none() | st.integers(1, 500),
    kept=st.integers(0, 20),
    food=st.booleans(),
    languages=st.lists(st.sampled_from(sorted(KNOWN.languages)), unique=True).map(tuple),
    after=st.none() | st.integers(1, 99),
    reminders=st.just(REMINDERS)
    | st.lists(st.integers(10, 80_000), max_size=4, unique=True).map(
        lambda found: tuple(timedelta(minutes=n) for n in found)
    ),
)
CLOCKS_GO_BACK = Event(
    id=0,
    number=0,
    kind=EventKind.VISIT,
    title={"en": "yes"},
    venue=Venue(name="null"),
    days=(Day(datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 30, tzinfo=UTC)),),
)


@given(EVENTS)
@example(CLOCKS_GO_BACK)
def test_what_we_write_reads_as_the_same_event(tmp_path_factory: pytest.TempPathFactory, event: Event) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(file_of(event, LONDON), "utf-8")
    assert read_event(path, LONDON).draft.event == event
    assert event_of(as_written(event, LONDON), LONDON).event == event


@given(EVENTS)
def test_what_the_store_keeps_is_the_same_event(event: Event) -> None:
    row = {"id": event.id, "taken": 0, "beside": 0, "asked": 0, **as_row(event)}
    assert as_event([row[name] for name in COLUMNS]) == event


def test_where_a_column_and_the_document_differ_the_column_is_right() -> None:
    row = {**as_row(CLOCKS_GO_BACK), "id": 7, "capacity": 9, "state": "called_off", "taken": 1, "beside": 0, "asked": 1}
    event = as_event([row[name] for name in COLUMNS])
    assert (event.id, event.capacity, event.state.value) == (7, 9, "called_off")
    assert event.days[0].starts_at.astimezone(LONDON).date() == date(2027, 10, 31)
