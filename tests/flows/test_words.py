"""All languages' words as one language's readers hear them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.inputs import Command
from flows.loader import word_lists
from flows.words import LanguageWords, StopWords, clashes, lexicon
from tests.flows.shipped import LOCALES


def made(tag: str, **more: object) -> LanguageWords:
    """A language with the fewest words."""
    words = LanguageWords(
        language=tag,
        names=(f"{tag}ish",),
        yes=(f"{tag}yes",),
        no=(f"{tag}no",),
        not_=(),
        and_=(),
        small_talk=(),
        greetings=(),
        numbers=tuple(f"{tag}n{n}" for n in range(21)),
        tens=tuple(f"{tag}t{n}" for n in range(20, 100, 10)),
        today=(),
        yesterday=(),
        tomorrow=(),
        option=(),
        stop=StopWords(alone=(f"{tag}stop",), verbs=(f"{tag}halt",)),
        commands={Command.BACK: (f"{tag}back",)},
    )
    return replace(words, **more)  # type: ignore[arg-type]  # any of its fields


EN = made("en")


def test_every_languages_words_are_heard_by_the_readers_of_each() -> None:
    lex = lexicon("aa", {"en": EN, "aa": made("aa"), "bb": made("bb")})
    for tag in ("en", "aa", "bb"):
        assert lex.yes_no[f"{tag}yes"] == "yes"
        assert lex.yes_no[f"{tag}no"] == "no"
        assert lex.commands[f"{tag}back"] is Command.BACK
        assert lex.numbers[f"{tag}n7"] == 7
        assert lex.numbers[f"{tag}t40"] == 40
        assert lex.languages[f"{tag}ish"] == tag
        assert f"{tag}stop" in lex.stop_alone
        assert f"{tag}halt" in lex.stop_verbs & lex.stop_words


def test_a_word_means_what_it_means_at_home_then_what_it_means_in_english() -> None:
    all_words = {
        "bb": made("bb", yes=("so",), commands={Command.BACK: ("go",)}),
        "en": made("en", no=("so", "na"), commands={Command.SKIP: ("go",)}),
        "aa": made("aa", no=("zo",), yes=("na",), commands={Command.AGAIN: ("go",)}),
    }
    assert lexicon("bb", all_words).yes_no["so"] == "yes"
    assert lexicon("aa", all_words).yes_no["so"] == "no"
    assert lexicon("aa", all_words).yes_no["na"] == "yes"
    assert lexicon("bb", all_words).yes_no["na"] == "no"
    heard = {tag: lexicon(tag, all_words).commands["go"] for tag in all_words}
    assert heard == {"bb": Command.BACK, "en": Command.SKIP, "aa": Command.AGAIN}


def test_an_ambiguous_word_is_neither_yes_nor_no_nor_a_number_at_home() -> None:
    other = made("bb", yes=("no",), numbers=("ten", *made("bb").numbers[1:]))
    all_words = {"en": EN, "aa": made("aa", ambiguous=("No", "ten")), "bb": other}
    at_home = lexicon("aa", all_words)
    assert "no" not in at_home.yes_no
    assert "ten" not in at_home.numbers
    assert lexicon("en", all_words).yes_no["no"] == "yes"


def test_a_polite_word_of_ones_own_language_is_no_answer_from_another() -> None:
    other = made("bb", yes=("ta",), numbers=("so", *made("bb").numbers[1:]))
    all_words = {"en": made("en", small_talk=("ta", "so", "ok")), "bb": other}
    assert "ta" not in lexicon("en", all_words).yes_no
    assert "so" not in lexicon("en", all_words).numbers
    assert lexicon("en", all_words).yes_no["ok"] == "yes"
    assert lexicon("bb", all_words).yes_no["ta"] == "yes"


def test_of_other_languages_only_the_first_spelling_of_a_number_is_heard() -> None:
    numbers = ("zero/oh", *made("bb").numbers[1:])
    all_words = {"en": EN, "bb": made("bb", numbers=numbers)}
    assert lexicon("bb", all_words).numbers["oh"] == 0
    assert "oh" not in lexicon("en", all_words).numbers
    assert lexicon("en", all_words).numbers["zero"] == 0


def test_a_yes_or_no_at_home_never_steers() -> None:
    all_words = {"en": EN, "aa": made("aa"), "bb": made("bb", commands={Command.SKIP: ("aayes", "bbskip")})}
    assert "aayes" not in lexicon("aa", all_words).commands
    assert lexicon("aa", all_words).commands["bbskip"] is Command.SKIP
    assert lexicon("bb", all_words).commands["aayes"] is Command.SKIP


def test_small_talk_of_a_third_language_is_not_left_out() -> None:
    all_words = {"en": EN, "aa": made("aa"), "bb": made("bb", small_talk=("proszę",))}
    assert "prosze" in lexicon("bb", all_words).small_talk
    assert "prosze" not in lexicon("aa", all_words).small_talk


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (made("bb", commands={Command.SKIP: ("Enback!",)}), ["bb: 'enback' is skip here and back in en"]),
        (made("bb", commands={Command.SKIP: ("bbyes",)}), ["bb: 'bbyes' is skip and also a yes or a no"]),
        (made("bb", no=("bbno", "bbyes")), ["bb: 'bbyes' is both yes and no"]),
        (made("bb"), []),
    ],
)
def test_words_that_mean_two_things_are_named(words: LanguageWords, said: list[str]) -> None:
    assert clashes({"en": EN, "bb": words}) == said


def test_months_come_from_cldr_beside_those_of_the_file() -> None:
    lists = word_lists(LOCALES)
    english = lexicon("en", {"en": lists["en"]})
    assert english.months["march"] == english.months["mar"] == 3
    assert lexicon("pl", {"en": lists["en"], "pl": lists["pl"]}).months["marca"] == 3
