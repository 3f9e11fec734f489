"""What people type, and what it means: tables of words and answers."""

from __future__ import annotations

import sys
import unicodedata
from datetime import date, timedelta
from typing import Any

import pytest

from domain.contact import Purpose
from flows.fold import fold
from flows.inputs import Command
from flows.model import Choice, Date, Integer, Question, Scale, SelectMultiple, SelectOne, Text, YesNo
from flows.replies import Cut, command, is_greeting, language_named, understand
from flows.words import lexicon
from tests.flows.shipped import LANGUAGES, TODAY, library, listed, local, words

MOOD = Scale(name="mood", label="How is your mood?", low="low", high="high")
AGAIN = YesNo(name="again", label="Shall we ask again?")
CONSENT = YesNo(name="consent", label="May we ask?", consent=Purpose.QUESTIONNAIRES, required=True)
MINUTES = Integer(name="minutes", label="How many minutes would you travel?", maximum=600)
WHEN = Date(name="day", label="When?")
WORDS = Text(name="words", label="Anything else?", max_length=20)


def _choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(name=f"c{n}", label=label) for n, label in enumerate(labels, start=1))


#: Made to be mixed up: near in letters, far in meaning.
WELCOME = SelectOne(
    name="welcome", label="How was it?", choices=_choices("I felt welcome", "I did not feel welcome", "Too far away")
)
PLACES = SelectMultiple(
    name="places",
    label="What did you like?",
    choices=_choices("The people", "Things to do", "A quiet place", "Help and advice", "Food and drinks"),
)


def answer(question: Question, text: str, language: str = "en", today: date = TODAY) -> Any:
    return understand(question, text, words(language), today)


# Numbers

DECIMAL_DIGITS = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) == "Nd"]


def test_a_digit_of_any_script_is_that_digit() -> None:
    assert len(DECIMAL_DIGITS) >= 650
    wrong = [c for c in DECIMAL_DIGITS if answer(MOOD, c) != unicodedata.digit(c)]
    assert wrong == []


def test_ten_in_digits_of_any_script_is_ten() -> None:
    scripts: dict[int, str] = {ord(c) - unicodedata.digit(c): c for c in DECIMAL_DIGITS}
    wrong = [chr(zero) for zero in scripts if answer(MOOD, chr(zero + 1) + chr(zero)) != 10]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "7", " 7 ", "7.", "(7)", "7!", "7 :)", "07", "７", "۷", "৭", "७", "⑦", "⑺", "❼", "7\ufe0f\u20e3", "7\u20e3",
        "\u200f7\u200e", "7/10", "7 / 10", "7 out of 10", "7 of 10", "7 out of ten", "seven", "Seven!", "SEVEN",
        "about 7 thanks", "maybe a 7", "I think 7", "I would say seven, please", "number 7", "its a 7",
        "siedem", "șapte", "saat", "سات", "সাত",
    ],
)  # fmt: skip
def test_seven_is_understood(text: str) -> None:
    in_some = {answer(MOOD, text, language) for language in LANGUAGES}
    assert 7 in in_some
    assert in_some <= {7, None}


@pytest.mark.parametrize(
    "text",
    [
        "7 or 8", "7-8", "7 to 8", "7 8", "7, 8", "7.5", "7,5", "7.0", "7½", "7 1/2", "seven and a half", "7%",
        "-1", "−1", "－1", "- 1", "11", "100", "77777777777777777777", "7" * 4400, "7/" + "1" * 4400, "7/11",
        "7/100", "70/100", "8/7",
        "not 5", "5 not", "not a 7", "no 7 no 8", "7:30", "7 hours", "7th", "7 years ago I was fine", "mood",
        "half", "never", "", " ", "?", "...", "\n", "\ufe0f\u20e3", "🔟", "VII", "me too", "oh dear", "oh", "for me",
        "to be honest", "I do", "I just ate", "a", "i", "one two",
    ],
)  # fmt: skip
def test_what_is_no_one_number_is_none(text: str) -> None:
    for language in LANGUAGES:
        assert answer(MOOD, text, language) is None, language


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("zero", 0), ("10", 10), ("⑩", 10), ("ten", 10), ("10/10", 10), ("0/10", 0), ("10 out of 10", 10),
        ("٠", 0), ("١٠", 10), ("১০", 10),
    ],
)  # fmt: skip
def test_both_ends_of_the_scale_are_understood(text: str, value: int) -> None:
    assert answer(MOOD, text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30", 30), ("30 minutes", 30), ("30 min", 30), ("about 30 min", 30), ("thirty", 30), ("twenty five", 25),
        ("600", 600), ("601", None), ("30 h", None), ("2 hours", None), ("not 30", None), ("not thirty", None),
        ("half an hour", None),
        ("30 or 40", None), ("1.5", None), ("thirty forty", None), ("٣٠", 30), ("0", 0), ("no minutes", None),
    ],
)  # fmt: skip
def test_a_count_is_understood_with_the_questions_own_unit(text: str, value: int | None) -> None:
    assert answer(MINUTES, text) == value


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_number_word_of_a_language_is_understood_at_home(language: str) -> None:
    many = Integer(name="many", label="How many?")
    own_words = listed()[language]
    values = (*enumerate(own_words.numbers), *((10 * ten, tens) for ten, tens in enumerate(own_words.tens, start=2)))
    wrong = [
        (word, value)
        for value, several in values
        for word in several.split("/")
        if answer(many, word, language) != value
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_polite_word_of_a_language_is_a_number_or_an_answer_of_another(language: str) -> None:
    everywhere = {fold("ok"), fold("okay")}
    own_words = listed()[language]
    lex = words(language)
    own = {fold(w) for w in (*own_words.yes, *own_words.no)} | everywhere
    wrong = [
        word
        for word in map(fold, own_words.small_talk)
        if word in lex.numbers or (word in lex.yes_no and word not in own)
    ]
    assert wrong == []


# Choices


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "c1"), ("2.", "c2"), ("(2)", "c2"), ("2)", "c2"), ("option 2", "c2"), ("number two", "c2"), ("٣", "c3"),
        ("b", "c2"), ("B)", "c2"), ("option b", "c2"), ("b please", "c2"), ("I think c", "c3"), ("a", "c1"),
        ("option a", "c1"), ("I felt welcome", "c1"), ("i felt welcom", "c1"), ("I FELT WELCOME!!", "c1"),
        ("I did not feel welcome", "c2"), ("I did not feel wellcome", "c2"),
        ("too far away", "c3"), ("Too far awya", "c3"), ("to far away", "c3"), ("its too far away", "c3"),
        # across a "not" nothing is guessed
        ("I did feel welcome", None), ("I felt not welcome", None), ("I felt unwelcome", None),
        ("not too far away", None), ("I felt welcome not", None), ("I did not felt welcome", "c2"),
        ("not 2", None), ("not b", None),
        # neither is between two
        ("1 or 2", None), ("a or b", None), ("a b", None), ("1 2", None), ("welcome", None), ("far", "c3"),
        ("0", None), ("4", None), ("d", None), ("2.5", None), ("-2", None), ("a bit", None), ("z", None), ("", None),
        ("I felt welcome " * 20, None), ("w" * 201, None),
    ],
)  # fmt: skip
def test_one_answer_is_chosen_or_none(text: str, value: str | None) -> None:
    assert answer(WELCOME, text) == value


def test_between_two_near_labels_nothing_is_guessed() -> None:
    near = SelectOne(name="day", label="Which?", choices=_choices("Tuesday morning 1st", "Tuesday morning 2nd"))
    assert answer(near, "Tuesday morning") is None
    twins = SelectOne(name="visit", label="Which?", choices=_choices("Morning visits", "Morning visitors"))
    assert answer(twins, "Morning visitor") == "c2"
    assert answer(twins, "Morning visits") == "c1"


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (("welcome", "something else"), "not welcome"),
        (("not welcome", "something else"), "welcome"),
        (("satisfied", "something else"), "dissatisfied"),
        (("dissatisfied", "something else"), "satisfied"),
        (("friendly people", "something else"), "unfriendly people"),
        (("Jestem zadowolona", "something else"), "Jestem niezadowolona"),
        (("helpful people there", "something else"), "no helpful people there"),
    ],
)
def test_a_not_is_never_overlooked(labels: tuple[str, ...], text: str) -> None:
    question = SelectOne(name="how", label="How?", choices=_choices(*labels))
    assert answer(question, text) is None
    several = SelectMultiple(name="how", label="How?", choices=_choices(*labels))
    assert answer(several, text) is None


def test_a_choices_keywords_are_its_names_too() -> None:
    choices = (Choice(name="bus", label="By bus", keywords=("coach", "autobus")), Choice(name="car", label="By car"))
    assert answer(SelectOne(name="how", label="How?", choices=choices), "Coach!") == "bus"


def test_two_labels_that_differ_in_small_words_alone_are_told_apart_only_by_all_of_their_words() -> None:
    question = SelectOne(name="who", label="Who?", choices=_choices("For me", "For you", "Nobody at all"))
    assert answer(question, "For you") == "c2"
    assert answer(question, "for") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1, 3 and 4", ("c1", "c3", "c4")), ("1 3 4", ("c1", "c3", "c4")), ("1,3,4", ("c1", "c3", "c4")),
        ("4 3 1", ("c1", "c3", "c4")), ("1; 3; 4", ("c1", "c3", "c4")), ("1+3", ("c1", "c3")), ("1 & 3", ("c1", "c3")),
        ("1/3", ("c1", "c3")), ("1\n3", ("c1", "c3")), ("1، 3", ("c1", "c3")), ("১ ৩", ("c1", "c3")),
        ("one and three", ("c1", "c3")), ("1 and 1", ("c1",)), ("1 3 please", ("c1", "c3")), ("3", ("c3",)),
        ("a, c", ("c1", "c3")), ("b and d", ("c2", "c4")), ("option 2", ("c2",)), ("1 2 3 4 5", ("c1", "c2", "c3",
        "c4", "c5")),
        ("The people, Things to do", ("c1", "c2")), ("people and a quiet place", ("c1", "c3")),
        ("Help and advice", ("c4",)), ("food and drinks, the people", ("c1", "c5")), ("The poeple", ("c1",)),
        ("the people and help and advice", None),
        ("134", None), ("1-3", None), ("1 - 3", None), ("1.3", None), ("1 and 9", None), ("0", None), ("1 or 2", None),
        ("1 and not 2", None), ("everything but 2", None), ("not the people", None), ("all", None), ("none", None),
        ("", None), ("and", None), (",", None), ("a c", None), ("1 " * 300, None),
    ],
)  # fmt: skip
def test_several_answers_are_understood_together_or_not_at_all(text: str, value: tuple[str, ...] | None) -> None:
    assert answer(PLACES, text) == value


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flow", library().flows)
def test_each_answer_that_is_shown_can_be_typed(flow: str, language: str) -> None:
    wrong = []
    for question in local(flow, language).asked():
        if isinstance(question, SelectOne | SelectMultiple):
            for n, choice in enumerate(question.choices, start=1):
                kept = (choice.name,) if isinstance(question, SelectMultiple) else choice.name
                for text in (choice.label, choice.label.upper(), fold(choice.label), f"{n}", f"{n}.", f"option {n}"):
                    if answer(question, text, language) != kept:
                        wrong.append((question.name, text))
        elif isinstance(question, YesNo):
            phrases = library().phrases[language]
            wrong += [(question.name, t) for t, yes in ((phrases.yes, "yes"), (phrases.no, "no"))
                      if answer(question, t, language) != yes]  # fmt: skip
    assert wrong == []


# Yes and no


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_yes_and_no_of_a_language_is_understood_at_home(language: str) -> None:
    own_words = listed()[language]
    wrong = [w for w in own_words.yes if answer(AGAIN, w, language) != "yes"]
    wrong += [w for w in own_words.no if answer(AGAIN, w, language) != "no"]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("yes", "pl", "yes"), ("Tak", "en", "yes"), ("nie", "en", "no"), ("da", "en", "yes"), ("nu", "en", "no"),
        ("جی ہاں", "en", "yes"), ("نہیں", "bn", "no"), ("হ্যাঁ", "ur", "yes"), ("না", "en", "no"), ("no", "ro", "no"),
        ("no", "pl", None), ("No", "pl", None), ("no no no", "pl", None),  # in Polish it is "well, yes"
        ("nie", "pl", "no"), ("no, nie", "pl", "no"),
    ],
)  # fmt: skip
def test_a_yes_is_a_yes_in_every_language_unless_it_means_something_else_at_home(
    text: str, language: str, value: str | None
) -> None:
    assert answer(AGAIN, text, language) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("YES!", "yes"), ("y", "yes"), ("yep", "yes"), ("ok", "yes"), ("👍", "yes"), ("👍🏽", "yes"),
        ("👍👍", "yes"), ("yes👍", "yes"), ("yes please", "yes"), ("yes yes", "yes"), ("1", "yes"), ("1.", "yes"),
        ("no", "no"), ("nope", "no"), ("no thanks", "no"), ("no no no", "no"), ("👎", "no"), ("2", "no"), ("(2)", "no"),
        ("I don’t", "no"), ("not really", "no"), ("well, no", "no"),
        ("yes no", None), ("yes and no", None), ("👍👎", None), ("3", None), ("0", None), ("maybe", None), ("", None),
        ("not yes", None), ("I am not well", None), ("ok I am not coming", None),
        ("no problem", "yes"), ("not sure", None), ("I do not know", None), ("of course not", "no"),
        ("I would love to", "yes"), ("to", None), ("yes 2", None), ("y" * 101, None), ("1 or 2", None),
    ],
)  # fmt: skip
def test_yes_and_no_are_understood_or_neither(text: str, value: str | None) -> None:
    assert answer(AGAIN, text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("Yes please!", "yes"), ("1", "yes"), ("ok", "yes"), ("👍", "yes"), ("no thank you", "no"),
        ("2", "no"), ("yes yes", None), ("yeees", None), ("yse", None), ("yes yes yes", None), ("not yes", None),
        ("no no", "no"), ("yes👍", None),
    ],
)  # fmt: skip
def test_consent_is_never_guessed(text: str, value: str | None) -> None:
    assert answer(CONSENT, text) == value


# Days


@pytest.mark.parametrize(
    "text",
    [
        "25 3 2026", "25/3/2026", "25/03/26", "25.3.2026", "25-3-26", "2026-03-25", "2026-3-25", "25 March 2026",
        "25th March 2026", "March 25th, 2026", "the 25th of March 2026", "25 mar 2026", "25TH MARCH 26",
        "25 3", "25/3", "25.3.", "25 March", "25th of March", "March 25", "25 marca", "25 martie", "25 مارچ",
        "২৫ মার্চ",
        "٢٥ ٣ ٢٠٢٦", "25/3 please",
    ],
)  # fmt: skip
def test_a_day_is_understood_in_many_forms(text: str) -> None:
    assert answer(WHEN, text, today=date(2026, 5, 1)) == "2026-03-25"


@pytest.mark.parametrize(
    "text",
    [
        "12", "the 12th", "March", "2026", "31 2", "31 2 2026", "30 February", "29 2 2026", "29 February 2025", "0 3",
        "32 1", "3 25 2026", "1 1 0000", "1 1 12345", "12 0", "25", "last week", "soon", "not 25 3", "25 3 or 26 3",
        "25 3 2026 5", "99999999999999999999 3", "3 99999999999999999999", "1 1 " + "9" * 5000, "9" * 5000 + " 3", "",
        "?", "25 3 -1",
    ],
)  # fmt: skip
def test_what_names_no_day_is_none(text: str) -> None:
    assert answer(WHEN, text) is None


@pytest.mark.parametrize(
    ("text", "today", "value"),
    [
        ("29 2", date(2028, 1, 10), "2028-02-29"),
        ("29 February", date(2027, 12, 1), "2028-02-29"),
        ("29 2 2024", TODAY, "2024-02-29"),
        ("29 2", date(2026, 1, 10), None),
        ("31 12", date(2027, 1, 5), "2026-12-31"),
        ("5 1", date(2026, 12, 30), "2027-01-05"),
        ("1 1 30", TODAY, "2030-01-01"),
        ("1 1 37", TODAY, "1937-01-01"),
        ("1 1 99", TODAY, "1999-01-01"),
        ("today", TODAY, "2026-11-23"),
        ("yesterday", TODAY, "2026-11-22"),
        ("tomorrow please", TODAY, "2026-11-24"),
        ("wczoraj", TODAY, "2026-11-22"),
        ("আজ", TODAY, "2026-11-23"),
    ],
)
def test_a_day_without_a_year_is_the_nearest(text: str, today: date, value: str | None) -> None:
    assert answer(WHEN, text, today=today) == value


def test_a_day_of_the_wrong_tense_is_none_and_one_without_a_year_is_of_the_right_one() -> None:
    past = Date(name="last", label="When?", tense="past")
    future = Date(name="next", label="When?", tense="future")
    assert answer(past, "24 11") == "2025-11-24"
    assert answer(past, "24 11 2026") is None
    assert answer(past, "today") == answer(future, "today") == "2026-11-23"
    assert answer(future, "22 11") == "2027-11-22"
    assert answer(future, "yesterday") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_year_is_understood_as_we_write_it(language: str) -> None:
    first = date(2026, 5, 25)
    days = [first + timedelta(days=n) for n in range(365)]
    today = date(2026, 11, 23)
    wrong = [d for d in days if answer(WHEN, f"{d.day} {d.month}", language, today) != d.isoformat()]
    wrong += [d for d in days[::10] if answer(WHEN, f"{d:%d/%m/%Y}", language, today) != d.isoformat()]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_month_of_a_language_is_understood_at_home(language: str) -> None:
    own_words = listed()[language]
    assert own_words.months is not None
    wrong = [
        (name, n)
        for n, several in enumerate(own_words.months, start=1)
        for name in several
        if answer(WHEN, f"7 {name} 2026", language) != f"2026-{n:02}-07"
    ]
    assert wrong == []


# Words of one's own


def test_words_are_kept_as_they_were_written() -> None:
    assert answer(WORDS, "  I like\tit,\nreally \U0001f33b ") == "I like\tit,\nreally \U0001f33b"
    assert answer(WORDS, "cafe\u0301") == "caf\xe9"
    assert answer(WORDS, "a\x00b\x1b[2Jc\x7f") == "ab[2Jc"
    assert answer(WORDS, "42") == "42"


def test_half_a_character_is_left_out_for_no_store_could_keep_it() -> None:
    kept = answer(WORDS, "sun \ud83c")
    assert kept == "sun"
    kept.encode("utf-8")


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "\n\n", "\x00\x01", "\u200b", "\ufe0f", "--", "\ud83c"])
def test_a_text_without_words_is_no_answer(text: str) -> None:
    assert answer(WORDS, text) is None


def test_a_text_too_long_is_cut() -> None:
    assert answer(WORDS, "x" * 20) == "x" * 20
    assert answer(WORDS, "x" * 21) == Cut("x" * 20)


# Steering


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_command_of_a_language_is_heard_at_home_in_any_case(language: str) -> None:
    own_words = listed()[language]
    wrong = [
        (word, steering)
        for steering, several in own_words.commands.items()
        for word in several
        if command(word, words(language)) is not steering
        or command(word.upper() + "!", words(language)) is not steering
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("word", "steering"),
    [
        ("STOP", Command.STOP), ("Stop.", Command.STOP), ("START", Command.START), ("HELP", Command.HELP),
        ("GUIDE", Command.HELP), ("LANGUAGE", Command.LANGUAGE), ("BACK", Command.BACK), ("SKIP", Command.SKIP),
        ("AGAIN", Command.AGAIN), ("PAUSE", Command.PAUSE), ("LATER", Command.PAUSE), ("BOOKINGS", Command.BOOKINGS),
        ("OUT", Command.OUT), ("PERSON", Command.PERSON), ("MY DATA", Command.MY_DATA),
        ("FORGET ME", Command.FORGET_ME),
        ("CHECKIN", Command.CHECKIN), ("JOIN", Command.JOIN), ("EVENTS", Command.EVENTS), ("stop", Command.STOP),
    ],
)  # fmt: skip
def test_the_english_words_are_heard_in_every_language(word: str, steering: Command, language: str) -> None:
    assert command(word, words(language)) is steering


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_way_to_say_stop_is_heard_in_every_language(language: str) -> None:
    wrong = [
        (tag, word)
        for tag, own_words in listed().items()
        for word in own_words.stop.alone
        if command(word, words(language)) is not Command.STOP and fold(word) not in words(language).yes_no
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "stop", "STOP!!!", "please stop", "No. Stop.", "no stop texting me", "no please stop", "stop please",
        "Stop texting me", "please stop texting me",
        "stop sending me these messages now", "please can you stop messaging me", "stop it", "unsubscribe", "unsub",
        "opt-out", "opt out please", "don't text me", "do not contact me again", "dont send me any more texts",
        "I don't want any more messages", "no more messages please", "take me off your list",
        "remove me from this list",
        "leave me alone", "go away", "I want to stop getting these texts", "Stop all texts to this number", "END",
        "quit",
    ],
)  # fmt: skip
def test_human_ways_of_saying_stop_are_heard(text: str) -> None:
    assert command(text, words()) is Command.STOP


@pytest.mark.parametrize(
    ("text", "language", "stops"),
    [
        ("przestańcie pisać", "pl", True), ("nie przestańcie pisać", "pl", False),
        ("opriți mesajele", "ro", True), ("nu opriți mesajele", "ro", False),
        ("بند کریں", "ur", True), ("بند نہ کریں", "ur", False), ("band na karo", "ur", False),
        ("মেসেজ বন্ধ করুন", "bn", True), ("মেসেজ বন্ধ করবেন না", "bn", False), ("বন্ধ করো না", "bn", False),
    ],
)  # fmt: skip
def test_do_not_stop_is_no_stop_in_any_language(text: str, language: str, stops: bool) -> None:
    assert (command(text, words(language)) is Command.STOP) is stops


@pytest.mark.parametrize(
    "text",
    [
        "stop this terrible bill", "i stop at the shop", "don't stop", "please don't stop", "do not stop texting me",
        "never stop", "I cannot stop crying", "I want to stop smoking", "the bus stop", "stop the bus", "non stop",
        "the voices do not stop", "stopping", "stopwatch", "I end up alone", "the end of the week",
        "leave me alone they said", "nonstop", "stop stop the war", "I want to quit my job", "it has to stop hurting",
    ],
)  # fmt: skip
def test_a_stop_that_is_about_something_else_is_no_stop(text: str) -> None:
    assert command(text, words()) is not Command.STOP
    for language in LANGUAGES:
        assert command(text, words(language)) is not Command.STOP, language


@pytest.mark.parametrize(
    ("text", "steering"),
    [
        ("back", Command.BACK), ("go back please", Command.BACK), ("Back, sorry", Command.BACK),
        ("skip please", Command.SKIP),
        ("please skip", Command.SKIP), ("again please", Command.AGAIN), ("later please", Command.PAUSE),
        ("not now", Command.PAUSE), ("not now, sorry", Command.PAUSE), ("Im tired", Command.PAUSE),
        ("I’m unwell", Command.PAUSE), ("prefer not to say", Command.SKIP), ("I'd rather not say", Command.SKIP),
        ("can I talk to someone please", Command.PERSON), ("help me please", Command.HELP),
        # a slip of the finger
        ("languag", Command.LANGUAGE), ("langauge", Command.LANGUAGE), ("agian", Command.AGAIN),
        ("chekin", Command.CHECKIN),
        ("personn", Command.PERSON), ("previuos", Command.BACK), ("prefer not too say", Command.SKIP),
        ("buokings", Command.BOOKINGS),
        # not close enough, or about something else
        ("bak", None), ("black", None), ("my back hurts", None), ("skip the sugar", None), ("nowt", None),
        ("later alligator", None), ("im well", None), ("yes", None), ("no", None), ("7", None), ("", None),
        ("...", None), ("outt", None),
        ("I felt better again", None), ("now", None), ("forgot me", None), ("forget mee", None), ("stops", None),
        ("the next question was hard", None), ("back " * 60, None), ("person from Essex", None),
        ("someone helped", None),
    ],
)  # fmt: skip
def test_steering_words_are_heard_with_courtesy_and_slips(text: str, steering: Command | None) -> None:
    assert command(text, words()) is steering


@pytest.mark.parametrize("word", ["stpo", "stopp", "forget me", "delete my data"])
def test_what_undoes_much_is_heard_as_listed(word: str) -> None:
    assert command(word, words()) in (Command.STOP, Command.FORGET_ME)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_yes_or_no_at_home_never_steers(language: str) -> None:
    own_words = listed()[language]
    steering = [w for w in (*own_words.yes, *own_words.no) if command(w, words(language)) is not None]
    assert steering == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_never_steer(language: str) -> None:
    own_words = listed()[language]
    numbers = [w for several in (*own_words.numbers, *own_words.tens) for w in several.split("/")]
    assert [n for n in (*numbers, *map(str, range(200))) if command(n, words(language)) is not None] == []


# Languages and greetings


@pytest.mark.parametrize("reader", LANGUAGES)
def test_a_languages_name_is_heard_from_readers_of_every_other(reader: str) -> None:
    for tag, language in library().languages.items():
        own = listed()[tag].names if language.like is None else language.names
        for name in (language.name, language.english_name, *own):
            assert language_named(name, words(reader)) == tag, name
            assert command(name, words(reader)) is None, name


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("polski", "pl"), ("POLSKI!", "pl"), ("Polish please", "pl"), ("romana", "ro"), ("Română", "ro"), ("اردو",
        "ur"),
        ("in urdu please", "ur"), ("বাংলা", "bn"), ("english", "en"), ("I like Polish food", None), ("", None),
        ("polski " * 20, None), ("no polish", None),
    ],
)  # fmt: skip
def test_a_languages_name_changes_the_language_only_as_the_whole_message(text: str, tag: str | None) -> None:
    assert language_named(text, words()) == tag


def test_a_greeting_is_told_from_words_of_ones_own() -> None:
    assert is_greeting("Hello!", words())
    assert is_greeting("hi there, love", words())
    assert is_greeting("dzień dobry", words("pl"))
    assert not is_greeting("hello, it helps to be asked", words())


def test_a_language_reads_alone_when_no_other_is_shipped() -> None:
    english = lexicon("en", {"en": listed()["en"]})
    assert understand(MOOD, "seven", english, TODAY) == 7
    assert understand(MOOD, "siedem", english, TODAY) is None
    assert understand(WHEN, "25 March 2026", english, TODAY) == "2026-03-25"


NAME = Text(name="nickname", label="What may we call you?", nickname=True)


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("en", "Ann", "Ann"),
        ("en", "my name is Ann", "Ann"),
        ("en", "I'm Ann", "Ann"),
        ("en", "you can call me Mary Ann please", "Mary Ann"),
        ("en", "Ann is fine", "Ann"),
        ("en", "its Ann x", "Ann"),
        ("en", "call me Dave", "Dave"),
        ("pl", "mam na imię Kasia", "Kasia"),
        ("pl", "Jestem Kasia.", "Kasia"),
        ("ro", "mă numesc Ana Maria", "Ana Maria"),
        ("ro", "ma cheama Ion", "Ion"),
        ("ur", "میرا نام علی ہے", "علی"),
        ("ur", "mera naam Ali hai", "Ali"),
        ("bn", "আমার নাম রিনা", "রিনা"),
        ("bn", "আমাকে রিনা ডাকবেন", "রিনা"),
        ("en", "my name is 7", None),
        ("en", "call me", None),  # a wish to be called
        ("en", "my name is yes", None),
        ("en", "i would rather not tell you my name", None),
    ],
)
def test_a_name_is_taken_out_of_the_words_around_it(language: str, text: str, name: str | None) -> None:
    assert understand(NAME, text, words(language), TODAY) == name


@pytest.mark.parametrize(
    ("language", "text", "meant"),
    [
        ("en", "i need to talk to someone", Command.PERSON),
        ("en", "Hi, can someone ring me?", Command.PERSON),
        ("en", "can i speak to a real person pls", Command.PERSON),
        ("en", "is anyone there", Command.PERSON),
        ("pl", "czy ktoś może do mnie zadzwonić", Command.PERSON),
        ("pl", "potrzebuje z kims porozmawiac", Command.PERSON),
        ("ur", "کسی انسان سے بات کروائیں", Command.PERSON),
        ("en", "delete everything about me", Command.FORGET_ME),
        ("en", "please delete all my data", Command.FORGET_ME),
        ("pl", "skasujcie wszystko o mnie", Command.FORGET_ME),
        ("en", "what data do you have on me?", Command.MY_DATA),
        ("en", "i need help", Command.HELP),
        ("en", "my doctor spoke to them about it", None),
        ("en", "my sister rang me", None),
        ("en", "they deleted everything on my phone", None),
    ],
)
def test_what_anybody_may_ask_for_is_heard_in_their_own_words(language: str, text: str, meant: Command | None) -> None:
    assert command(text, words(language)) is meant
