"""The catalogues: whole, with the same blanks, and asking only for words that the bot understands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from flows.fold import fold
from flows.inputs import Command
from flows.model import Act, Scale, SelectMultiple, SelectOne
from flows.phrases import Plural
from flows.replies import command, language_named, topic_left
from flows.texts import texts
from flows.words import clashes
from tests.flows.shipped import DEFINITIONS, FLOW_IDS, FLOWS, LANGUAGES, LOCALES, ROOT, library, listed, local, words

if TYPE_CHECKING:
    from flows.localized import LocalFlow

SOURCES = (FLOWS / "phrases.yaml", *DEFINITIONS)
TRANSLATED = tuple(tag for tag in LANGUAGES if tag != "en")
LAST_TRANSLATOR_OF_A_DRAFT = "draft, not yet read by a speaker"

#: Names, not words to send.
NAMES = frozenset({"MIME", "NHS", "YOU", "URGENT", "PRACTICE", "SHOUT"})
#: Orders of the team's, the same in every language (`bot.team`).
ORDERS = frozenset(
    {
        *(
            "TAKE",
            "DONE",
            "ALERTS",
            "PROGRAMME",
            "PUBLISH",
            "PLACES",
            "MOVE",
            "DAY",
            "ROOM",
            "CALL OFF",
            "LIST",
            "CAME",
        ),
        *("TITLE", "ABOUT", "WELCOME", "FEE", "WAY"),
        *("OPPORTUNITIES", "OPPORTUNITY", "CLOSES", "PAYMENT", "WITHDRAW", "WITHDRAW YES"),
    }
)
#: A word in capitals, or several in a row: "BACK", "MY DATA".
_CAPITALS = re.compile(r"[^\W\d_]{2,}(?: [^\W\d_]{2,})*")
_QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]*)[\"“”„«»]")

Key = tuple[str | None, str, str | None]  # context, text, plural


@cache
def catalogue(language: str) -> Catalog:
    with (LOCALES / language / "LC_MESSAGES" / "flows.po").open("rb") as source:
        return read_po(source, locale=base(language))


def base(language: str) -> str:
    """The language that CLDR knows: of a variant, the one it is a variant of."""
    return library().languages[language].like or language


def entries(catalog: Catalog) -> dict[Key, Message]:
    """The entries in use, without the head and the obsolete ones."""
    return {_key(message): message for message in catalog if message.id}


def _key(message: Message) -> Key:
    if isinstance(message.id, tuple):
        return message.context, message.id[0], message.id[1]
    return message.context, str(message.id), None


def translations(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, tuple | list) else (str(message.string),)


def originals(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, tuple) else (str(message.id),)


def blanks(text: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@cache
def in_use() -> frozenset[Key]:
    """Every text that the flows and phrases have today."""
    return frozenset(
        (text.context, text.text, text.plural) for path in SOURCES for text in texts(path.read_text("utf-8"))
    )


# Whole


def test_there_is_something_to_translate() -> None:
    assert len(in_use()) > 80


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_the_texts_of_the_flows_and_no_others(language: str) -> None:
    there = entries(catalogue(language)).keys()
    assert in_use() - there == set(), "missing"
    assert there - in_use() == set(), "no longer said"


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_left_empty_or_guessed(language: str) -> None:
    wrong = [
        key
        for key, message in entries(catalogue(language)).items()
        if message.fuzzy or not all(text.strip() for text in translations(message))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_plural_has_all_the_forms_of_its_language(language: str) -> None:
    catalog = catalogue(language)
    forms = {len(translations(m)) for m in entries(catalog).values() if isinstance(m.id, tuple)}
    assert forms == {catalog.num_plurals}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_blanks_of_its_text(language: str) -> None:
    wrong = [
        (text, translation)
        for message in entries(catalogue(language)).values()
        for translation in translations(message)
        for text in originals(message)[-1:]
        if blanks(translation) != blanks(text)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_blank_that_may_be_empty_stands_in_a_line_of_its_own(language: str) -> None:
    """A line whose {phone} is not known is left out whole: what else stands in it would be lost."""
    wrong = []
    for message in entries(catalogue(language)).values():
        for text, translation in zip(originals(message), translations(message), strict=False):
            ours, theirs = (
                [n for n, line in enumerate(t.split("\n")) if "{phone}" in line] for t in (text, translation)
            )
            if ours != theirs:
                wrong.append((text, translation))
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_line_breaks_of_its_text(language: str) -> None:
    wrong = [
        (text, translation)
        for message in entries(catalogue(language)).values()
        for translation in translations(message)
        for text in originals(message)[-1:]
        if translation.count("\n") != text.count("\n")
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_numbers_of_its_text_in_western_digits(language: str) -> None:
    """999 and 111 above all: they are dialled."""
    wrong = []
    for message in entries(catalogue(language)).values():
        if isinstance(message.id, tuple):
            continue
        text, translation = str(message.id), str(message.string)
        ours, theirs = (Counter(re.findall(r"[0-9]+", t)) for t in (text, translation))
        if ours - theirs or any(len(number) > 2 for number in theirs - ours):  # "day and night" may be "24 hours"
            wrong.append((text, translation))
        if any(c.isdecimal() and not c.isascii() for c in translation):
            wrong.append((text, translation))
    assert wrong == []


# Answers


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flow", FLOW_IDS)
def test_the_answers_of_one_question_differ_when_folded(flow: str, language: str) -> None:
    told = local(flow, language)
    for question in told.asked():
        if isinstance(question, SelectOne | SelectMultiple):
            labels = [fold(choice.label) for choice in question.choices]
            assert len(set(labels)) == len(labels), question.name
            assert all(labels), question.name
        if isinstance(question, Scale):
            assert fold(question.low) != fold(question.high), question.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_on_buttons_are_understood_when_typed(language: str) -> None:
    phrases, lexicon = library().phrases[language], words(language)
    assert lexicon.yes_no[fold(phrases.yes)] == "yes"
    assert lexicon.yes_no[fold(phrases.no)] == "no"
    assert command(phrases.skip, lexicon) is Command.SKIP
    assert command(phrases.prefer_not_to_say, lexicon) is Command.SKIP


# Words to send


def words_to_send(text: str) -> Iterator[str]:
    """Each word that the text asks people to send: in capitals, or in quotes."""
    for found in _QUOTED.finditer(text):
        if "{" not in found[1]:
            yield found[1]
    for found in _CAPITALS.finditer(re.sub(r"\{\w*\}", "0", text)):
        run: list[str] = []
        for word in (*found[0].split(" "), ""):
            if word.isupper() and word != word.lower() and word not in NAMES:
                run.append(word)
            else:
                if any(len(one) >= 3 for one in run) or run == ["ME"]:
                    yield " ".join(run)
                run = []


def meaning(word: str, language: str) -> str | None:
    """What sending the word does."""
    lexicon = words(language)
    if (steering := command(word, lexicon)) is not None:
        return str(steering)
    if (topic := topic_left(word, lexicon)) is not None:
        return f"stop {topic}"
    if word in ORDERS:
        return f"team {word}"
    answer = lexicon.yes_no.get(fold(word))
    return library().starts.get(fold(word)) or language_named(word, lexicon) or answer


def _said_by(flow: LocalFlow) -> Iterator[str]:
    for step in flow.steps:
        if isinstance(step.item, Act):
            continue
        yield step.item.label
        match step.item:
            case Scale(low=low, high=high):
                yield from (low, high)
            case SelectOne(choices=choices) | SelectMultiple(choices=choices):
                yield from (choice.label for choice in choices)
            case _:
                pass


def said(language: str) -> Iterator[str]:
    """Every text that people may see in that language."""
    phrases = library().phrases[language]
    for field in fields(phrases):
        match getattr(phrases, field.name):
            case Plural() as plural:
                yield from (plural.of(n) for n in range(30))
            case text:
                yield text
    for flow in FLOW_IDS:
        yield from _said_by(local(flow, language))


def test_words_to_send_are_found_in_a_text() -> None:
    text = 'Send BACK, MY DATA or "بعد" to MIME. Call NHS 111. One "{label}", {phone} A.B, SKIP'
    assert list(words_to_send(text)) == ["بعد", "BACK", "MY DATA", "SKIP"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bot_understands_each_word_that_it_asks_for(language: str) -> None:
    asked_for = {word for text in said(language) for word in words_to_send(text)}
    assert len(asked_for) >= 8
    assert {word for word in asked_for if meaning(word, language) is None} == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_asks_for_words_that_do_what_the_english_ones_do(language: str) -> None:
    wrong = []
    for message in entries(catalogue(language)).values():
        text = originals(message)[-1]
        if text in (library().phrases["en"].offer_language, library().phrases["en"].carer_answering):
            continue  # each names its own language; a word of two letters is not seen in English (ME)
        for translation in translations(message):
            ours = {meaning(word, "en") for word in words_to_send(text)}
            theirs = {meaning(word, language) for word in words_to_send(translation)}
            if ours != theirs:
                wrong.append((text, translation, ours ^ theirs))
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_that_starts_a_flow_steers_nothing_else(language: str) -> None:
    for word in library().starts:
        assert command(word, words(language)) is None, word
        assert language_named(word, words(language)) is None, word


def test_no_word_steers_two_ways_or_steers_and_answers() -> None:
    assert clashes(listed()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_command_can_be_said_in_each_language(language: str) -> None:
    commands = listed()[language].commands
    assert set(Command) - commands.keys() <= {Command.STOP}, "nobody can say it"
    assert all(commands.values())


# On file


def test_the_template_is_what_extraction_gives_now() -> None:
    """Else extract again, so that translators see today's texts with today's lines and remarks."""
    with (LOCALES / "flows.pot").open("rb") as source:
        on_file = read_po(source)
    now = Catalog()
    mappings = [("flows/**.yaml", "flows.texts:extract")]
    for name, line, ids, comments, context in extract_from_dir(ROOT, mappings, directory_filter=_flows_only):
        now.add(ids, None, [(name.replace("\\", "/"), line)], auto_comments=comments, context=context)
    assert _facts(on_file) == _facts(now)


def _flows_only(path: str) -> bool:
    return path.removeprefix(str(ROOT)).lstrip("/").split("/")[0] == "flows"


def _facts(catalog: Catalog) -> dict[Key, tuple[list[tuple[str, int | None]], str]]:
    """Where each entry is said, and the remarks beside it, however their lines are broken."""
    return {key: (sorted(m.locations), " ".join(m.auto_comments)) for key, m in entries(catalog).items()}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_draft_is_marked_as_one_and_a_reviewed_catalogue_is_not(language: str) -> None:
    marked = catalogue(language).last_translator == LAST_TRANSLATOR_OF_A_DRAFT
    shipped = library().languages[language]
    assert marked is (shipped.reviewed_by is None)
    assert shipped.status == ("draft" if marked else f"reviewed by {shipped.reviewed_by}")


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_says_which_language_it_is_in(language: str) -> None:
    assert str(catalogue(language).locale) == base(language)
    assert listed()[language].language == base(language)
    assert library().languages[language].right_to_left is (language == "ur")


@pytest.mark.parametrize("language", TRANSLATED)
def test_we_will_write_to_you_names_the_language(language: str) -> None:
    """The sentence is said when somebody chose the language: it must not say "English"."""
    assert library().phrases[language].language_changed != library().phrases["en"].language_changed
    assert "english" not in fold(library().phrases[language].language_changed)
