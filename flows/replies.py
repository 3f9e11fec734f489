"""What a contact's words mean as an answer to a question; None when they mean nothing to it.

Generous with spelling, never with meaning: when two readings are near each other, or a "not" stands
between them, the answer is None and the question is asked again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from domain.contact import Purpose
from flows.conditions import Answer
from flows.dates import read_date
from flows.fold import digits_to_ascii, fold
from flows.hours import read_hours
from flows.inputs import Command
from flows.lock_screen import gives_away
from flows.model import (
    Choice,
    Date,
    Hours,
    Integer,
    Locality,
    Question,
    Scale,
    SelectMultiple,
    SelectOne,
    Text,
    YesNo,
)
from flows.numbers import number_of, read_among_words, read_number
from flows.words import Lexicon

#: A near miss must be this near (of 100) and this much nearer than the next label.
NEAR, MARGIN = 85, 10
#: The answer of somebody who lives in none of the places.
ELSEWHERE = "elsewhere"
#: The first part of a UK postcode, with or without the second (Royal Mail's format: one or two letters, a digit,
#: a digit or letter; then a digit and two letters).
_OUTWARD = re.compile(r"([a-z]{1,2})\s?(\d[a-z\d]?)(?:\s*\d[a-z]{2})?", re.IGNORECASE)
_LONGEST_NICKNAME = 20
_LONGEST_CALLED = 4  # words around a name
_DIGITS_BESIDE_LETTERS = re.compile(r"(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)")
_SENTENCES = re.compile(r"[.!?;\n\u06d4\u0964\u061f]+")
_LONGEST_ANSWER, _LONGEST_GOODBYE = 16, 10  # words
_BETWEEN = re.compile(r"[,;+&/\n،।、]")


@dataclass(frozen=True, slots=True)
class Cut:
    """A text longer than the question takes, cut to its length."""

    text: str


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A postcode that lies in several places: these are left to choose from."""

    names: tuple[str, ...]


def understand(question: Question, text: str, words: Lexicon, today: date) -> Answer | Cut | Narrowed | None:
    """The answer that the text gives to the question."""
    match question:
        case Scale(minimum=low, maximum=high):
            value = read_number(text, words, out_of=high)
            return _within(read_among_words(text, words, high) if value is None else value, low, high)
        case Integer(minimum=low, maximum=high, label=label):
            return _within(read_number(text, words, units=label), low, high)
        case YesNo(consent=consent, exact=exact):
            return _yes_or_no(text, words, exactly=exact or consent is not None)
        case SelectOne(choices=choices):
            found = _choice(choices, text, words)
            return None if found is None else found.name
        case SelectMultiple(choices=choices):
            return _several(choices, text, words)
        case Date(tense=tense):
            day = read_date(text, words, today, tense)
            return None if day is None else day.isoformat()
        case Text(nickname=True):
            return _nickname(text, words)
        case Text(lock_screen=True) if gives_away(text) is not None:
            return None
        case Text(max_length=longest):
            return _words(text, longest)
        case Locality():
            return _place(question, text, words, today)
        case Hours():
            hours = read_hours(text, words)
            return None if hours is None else str(hours)
        case _:
            assert_never(question)


def is_on_offer(question: Question, text: str, words: Lexicon) -> bool:
    """Whether the text is one of the answers on offer word for word: then it is meant so, even where it steers too."""
    said = fold(text)
    match question:
        case YesNo():
            return said in words.yes_no
        case SelectOne(choices=choices) | SelectMultiple(choices=choices):
            return any(said in _names(choice) for choice in choices)
        case _:
            return False


def command(text: str, words: Lexicon) -> Command | None:
    """The steering word that the whole text is, with or without "please" and a slip of the finger."""
    if len(text) > 160 or text.isdecimal():  # most replies are a number
        return None
    said = fold(text)
    if said in words.commands:
        return words.commands[said]
    if (asks_to_stop(said, words) and not _kept_from_stopping(said, words)) or _stop_somewhere(text, words):
        return Command.STOP
    for core in _cores(said, words):
        if core in words.commands:
            return words.commands[core]
    said = _without_small_talk(said, words)
    if said in words.commands:
        return words.commands[said]
    if len(said) < 5 or said in words.yes_no:
        return None
    return _nearest_command(said, words)


def asks_to_stop(said: str, words: Lexicon) -> bool:
    """Whether the folded text asks us to stop: it holds a stop verb and nothing that is not about that.

    "please stop texting me" does; "stop this terrible bill" has words of its own and does not, and
    neither does "do not stop".
    """
    if said in words.stop_alone or _without_small_talk(said, words) in words.stop_alone:
        return True
    tokens = said.split()
    if not 1 < len(tokens) <= 12:
        return False
    if tokens[0] in words.stop_alone and words.stop_alone.issuperset(tokens):  # "stop stop stop"
        return True
    asked, refused, at, before = False, False, 0, ""
    while at < len(tokens):
        phrase = _stop_phrase(tokens, at, words)
        if phrase is None:
            return False
        if phrase in words.stop_verbs:
            not_to = not words.not_.isdisjoint(phrase.split())  # "do not send"; "stop" itself is not such a one
            if before in words.not_ or (refused and not not_to):
                return False  # "do not stop", "I do not want to stop"
            refused = refused or not_to
            asked = True
        at += len(phrase.split())
        before = phrase
    return asked


def _stop_somewhere(text: str, words: Lexicon) -> bool:
    """Whether one of the patterns for stopping stands in a sentence of the text, and no exception touches it: "my mum
    passed away, please stop texting this number".
    """
    sentences = [said for part in _SENTENCES.split(text) if (said := fold(part))]
    if len(sentences) > 1 and sentences[0] in words.stop_alone and len(fold(text).split()) <= _LONGEST_GOODBYE:
        return True  # "stop. thank you for your help"
    for sentence in sentences:
        tokens = sentence.split()
        hits = list(words.stop_patterns.hits(tokens))
        kept = [(a, b) for a, b, stops in hits if not stops]
        if any(stops and not any(a < end and start < b for a, b in kept) for start, end, stops in hits):
            return True
    return False


def _kept_from_stopping(said: str, words: Lexicon) -> bool:
    """Whether an exception stands in the text: it sounds like stop and is not meant so."""
    return any(not stops for _, _, stops in words.stop_patterns.hits(said.split()))


def _stop_phrase(tokens: Sequence[str], at: int, words: Lexicon) -> str | None:
    """The longest phrase about stopping that begins at that token."""
    for length in (4, 3, 2, 1):
        if (phrase := " ".join(tokens[at : at + length])) in words.stop_words:
            return phrase
    return None


def topic_left(text: str, words: Lexicon) -> Purpose | None:
    """The one thing that the text asks us to stop while the rest goes on: "stop the newsletter please"."""
    if len(text) > 100:
        return None
    tokens = fold(text).split()
    found: set[Purpose] = set()
    left: list[str] = []
    at = 0
    while at < len(tokens):
        phrase = next((p for n in (3, 2, 1) if (p := " ".join(tokens[at : at + n])) in words.topics), None)
        if phrase is None:
            left.append(tokens[at])
            at += 1
        else:
            found.add(words.topics[phrase])
            at += len(phrase.split())
    if len(found) != 1 or not asks_to_stop(" ".join(left), words):
        return None
    return found.pop()


def language_named(text: str, words: Lexicon) -> str | None:
    """The language whose own name the whole text is: "polski", "in urdu please", "اردو"."""
    if len(text) > 60:
        return None
    said = fold(text)
    return words.languages.get(said) or words.languages.get(_without_small_talk(said, words))


def is_greeting(text: str, words: Lexicon) -> bool:
    """Whether the whole text is a hello: "good morning", "hi there, love"."""
    if len(text) > 60:
        return False
    tokens = fold(text).split()
    return any(
        " ".join(tokens[:n]) in words.greetings and words.small_talk.issuperset(tokens[n:])
        for n in range(1, len(tokens) + 1)
    )


def _within(value: int | None, low: int, high: int) -> int | None:
    return value if value is not None and low <= value <= high else None


def _yes_or_no(text: str, words: Lexicon, *, exactly: bool) -> str | None:
    if len(text) > 100:
        return None
    said = fold(text)
    if exactly and not words.hedges.isdisjoint(said.split()):
        return None  # "maybe yes" is no consent
    if said in words.yes_no:
        return words.yes_no[said]
    if not exactly and said in words.slips:
        return words.slips[said]
    if (number := read_number(text, words)) is not None:
        return {1: "yes", 2: "no"}.get(number)
    said = _without_small_talk(said, words)
    if said in words.yes_no:
        return words.yes_no[said]
    meanings = {words.yes_no.get(token) for token in said.split()}
    if len(meanings) == 1 and None not in meanings and not exactly:  # "yes yes", "no no no"
        return meanings.pop()
    around = _at_its_ends(text, words)
    return None if exactly and around == "yes" else around


def _at_its_ends(text: str, words: Lexicon) -> str | None:
    """The yes or no with which a longer text begins or ends: "yes that would be lovely", "not next month no". None
    where both ends differ, where somebody asks or is unsure.
    """
    tokens = fold(text).split()
    if not tokens or "?" in text or len(tokens) > _LONGEST_ANSWER or not words.asks.isdisjoint(tokens):
        return None
    if not {"1", "2"}.isdisjoint(tokens):  # "yes 2"
        return None
    if len(tokens) == 2 and {words.yes_no.get(token) for token in tokens} == {"yes", "no"}:  # "yes no"
        return None
    first = _end(tokens, words, 1)
    last = _end(tokens, words, -1)
    found = first if last in (None, first) else last if first is None else None
    if found == "yes" and (not words.hedges.isdisjoint(tokens) or _taken_back(tokens, words)):
        return None
    return found


def _taken_back(tokens: Sequence[str], words: Lexicon) -> bool:
    """Whether a yes in it is followed by a not: "I am not well", "ok I am not coming"."""
    return any(
        token in words.not_ and words.yes_no.get(" ".join(tokens[n - length : n])) == "yes"
        for n, token in enumerate(tokens)
        for length in range(1, min(4, n) + 1)
    )


def _end(tokens: Sequence[str], words: Lexicon, side: int) -> str | None:
    """The meaning of the longest yes or no at one end of a text, small talk before it passed over."""
    while tokens:
        for length in range(min(5, len(tokens)), 0, -1):
            part = tokens[:length] if side > 0 else tokens[-length:]
            if (found := words.yes_no.get(" ".join(part))) is not None:
                beside = tokens[-length - 1 : -length] if side < 0 else tokens[length : length + 1]
                turned = found == "yes" and not words.not_.isdisjoint(beside)
                if turned and side > 0 and len(tokens) == length + 1 and beside[0] not in words.yes_no:
                    return "no"  # "of course not"
                return None if turned and (side < 0 or beside[0] in words.yes_no) else found  # "not sure", "yes no"
        outer = tokens[0] if side > 0 else tokens[-1]
        if outer not in words.small_talk:
            return None
        tokens = tokens[1:] if side > 0 else tokens[:-1]
    return None


def _choice(choices: Sequence[Choice], text: str, words: Lexicon, *, loosely: bool = True) -> Choice | None:
    if len(text) > 200:
        return None
    said = fold(text)
    for choice in choices:
        if said in _names(choice):
            return choice
    if (number := read_number(text, words)) is not None:
        if not 1 <= number <= len(choices):
            within = _in_a_range(choices, said.split())
            return choices[within.pop()] if len(within) == 1 else None
        return choices[number - 1]
    bare = _without_small_talk(said, words)
    same = [c for c in choices if bare and bare in (_without_small_talk(name, words) for name in _names(c))]
    if len(same) == 1:
        return same[0]
    if (letter := _letter(said, words, len(choices))) is not None:
        return choices[letter]
    if (place := _ordinal(said, words, len(choices))) is not None:
        return choices[place]
    near = _nearest_choice(choices, said, bare, words)
    return _by_its_own_words(choices, text, words) if near is None and loosely else near


def _letter(said: str, words: Lexicon, count: int) -> int | None:
    """Which of the first `count` letters the text is, from 0 ("b", "option a", "c please").

    A letter that is also a small word ("a bit") counts only alone or beside "option".
    """
    bare = [t for t in said.split() if t not in words.option]
    letters = [t for t in bare if len(t) == 1 and 0 <= ord(t) - ord("a") < count]
    if len(letters) != 1 or (letters[0] in words.small_talk and len(bare) > 1):
        return None
    small = all(t in words.small_talk for t in bare if t != letters[0])
    return ord(letters[0]) - ord("a") if small else None


def _ordinal(said: str, words: Lexicon, count: int) -> int | None:
    """Which answer "the second one" or "last" means, from 0; None where a text says no place, or two."""
    tokens = said.split()
    found: set[int] = set()
    at = 0
    while at < len(tokens):
        phrase = next((p for n in (4, 3, 2, 1) if (p := " ".join(tokens[at : at + n])) in words.ordinals), None)
        if phrase is None:
            if (
                tokens[at] not in words.small_talk
                and tokens[at] not in words.option
                and number_of(tokens[at], words) != 1
            ):
                return None
            at += 1
            continue
        found.add(words.ordinals[phrase])
        at += len(phrase.split())
    if len(found) != 1:
        return None
    place = found.pop()
    place = place - 1 if place > 0 else count + place
    return place if 0 <= place < count else None


def _by_its_own_words(choices: Sequence[Choice], text: str, words: Lexicon) -> Choice | None:
    """The one answer of whose words the text has some that no other answer has: "the basildon one", "sat morning",
    "im 34" for "26 to 40". Slips are seen past; a "not" is not.
    """
    if "?" in text or not words.asks.isdisjoint(fold(text).split()):
        return None
    tokens = _plainly(_DIGITS_BESIDE_LETTERS.sub(" ", fold(text)), words)
    if len(tokens) > _LONGEST_ANSWER:
        return None
    labels = [_plainly(fold(f"{choice.label} {' '.join(choice.keywords)}"), words) for choice in choices]
    found = {n for n, label in enumerate(labels) if len(label) > 1 and tokens[: len(label)] == label}
    last = max((len(labels[n]) - 1 for n in found), default=0)  # "not at all, thankfully"
    for at, token in enumerate(() if found else tokens):
        pair = token + tokens[at + 1] if at + 1 < len(tokens) else token  # "e mail"
        having = _having(token, labels, words) or _having(pair, labels, words)
        if len(having) == 1:
            found |= having
            last = at
    if not found:
        found = _in_a_range(choices, tokens)
    if len(found) != 1:
        return None
    n = found.pop()
    # a "not" later on is about something else ("letter pls i dont do computers"), but for the last word
    said = tokens if tokens[-1] in words.not_ else tokens[: last + 2]
    return choices[n] if _negations(said, labels, words) == _negations(labels[n], labels, words) else None


def _having(token: str, labels: Sequence[Sequence[str]], words: Lexicon) -> set[int]:
    """The labels that have that word, or one that it may be a slip for. Small words tell none from another."""
    if token in words.small_talk or token in words.not_ or (token.isascii() and token.isalpha() and len(token) < 3):
        return set()
    exact = {n for n, label in enumerate(labels) if token in label}
    return exact or {n for n, label in enumerate(labels) if any(_same_word(token, word) for word in label)}


def _negations(tokens: Sequence[str], labels: Sequence[Sequence[str]], words: Lexicon) -> int:
    """How many of the words turn the meaning round: "not", and "unfriendly" where a label says "friendly"."""
    known = {word for label in labels for word in label}
    return sum(
        t in words.not_ or any(t.startswith(p) and t.removeprefix(p) in known for p in ("un", "dis", "in", "nie", "ne"))
        for t in tokens
    )


def _plainly(said: str, words: Lexicon) -> list[str]:
    """The words of a folded text, those that mean the same as one word (see `same` in words.yaml)."""
    tokens = said.split()
    plain = []
    at = 0
    while at < len(tokens):
        length = next((n for n in (3, 2, 1) if " ".join(tokens[at : at + n]) in words.same), 1)
        phrase = " ".join(tokens[at : at + length])
        plain.append(words.same.get(phrase, phrase))
        at += length
    return plain


def _same_word(token: str, word: str) -> bool:
    """Whether somebody who wrote the one may have meant the other: a slip, or the word cut short."""
    if token == word:
        return True
    if token.isdigit() or word.isdigit() or min(len(token), len(word)) < 3:
        return False
    if word.startswith((token, token.removesuffix("s") or token)) or (len(word) >= 4 and token.startswith(word)):
        return True
    slips = 0 if len(word) < 5 else 1 if len(word) < 8 else 2
    return slips > 0 and token[0] == word[0] and OSA.distance(token, word, score_cutoff=slips) <= slips


def _in_a_range(choices: Sequence[Choice], tokens: Sequence[str]) -> set[int]:
    """The answers into whose range of numbers the one number of the text falls ("34" into "26 to 40")."""
    numbers = [int(token) for token in tokens if token.isdigit() and len(token) < 5]
    if len(numbers) != 1 or numbers[0] <= len(choices):
        return set()
    found = set()
    for n, choice in enumerate(choices):
        bounds = [int(token) for token in fold(choice.label).split() if token.isdigit()]
        if len(bounds) == 2 and bounds[0] <= numbers[0] <= bounds[1]:
            found.add(n)
        if len(bounds) == 1 and n == len(choices) - 1 and numbers[0] >= bounds[0]:  # "75 or over"
            found.add(n)
    return found


def _names(choice: Choice) -> Iterator[str]:
    yield fold(choice.label)
    yield from map(fold, choice.keywords)


def _nearest_choice(choices: Sequence[Choice], said: str, bare: str, words: Lexicon) -> Choice | None:
    """A slip or two in a label, with all of its small words or with none of them."""
    if len(bare or said) < 4 or any(c.isdigit() for c in said):
        return None

    def nearness(name: str) -> float:
        return max(fuzz.ratio(said, name), fuzz.ratio(bare, _without_small_talk(name, words)) if bare else 0)

    scored = sorted(
        ((max(nearness(name) for name in _names(choice)), n) for n, choice in enumerate(choices)),
        reverse=True,
    )
    best, n = scored[0]
    if best < NEAR or (len(scored) > 1 and best - scored[1][0] < MARGIN):
        return None
    return choices[n] if any(_turned(said, words) == _turned(name, words) for name in _names(choices[n])) else None


def _turned(said: str, words: Lexicon) -> int:
    """How many words of a text turn its meaning round, counting "unhappy" and "dissatisfied" too."""
    tokens = said.split()
    return sum(t in words.not_ or t.startswith(("un", "dis", "nie", "ne")) for t in tokens)


def _several(choices: Sequence[Choice], text: str, words: Lexicon) -> tuple[str, ...] | None:
    if len(text) > 400:
        return None
    if (one := _choice(choices, text, words, loosely=False)) is not None:
        return (one.name,)
    tokens = [t for t in fold(text).split() if t not in words.and_ and t not in words.small_talk]
    numbers = [number_of(t, words) for t in tokens]
    if tokens and None not in numbers and not re.search(r"\d\s*[-–.]\s*\d", digits_to_ascii(text)):
        found = {choices[n - 1].name if 1 <= n <= len(choices) else None for n in numbers if n is not None}
    else:
        parts = [part for piece in _BETWEEN.split(text) for part in _parts(choices, piece, words) if part]
        found = {None if (c := _choice(choices, part, words, loosely=False)) is None else c.name for part in parts}
    if not found or None in found:
        return None
    return tuple(c.name for c in choices if c.name in found)


def _parts(choices: Sequence[Choice], piece: str, words: Lexicon) -> Iterator[str]:
    """The piece whole where it is an answer ("food and drinks"), or else what stands between its ands."""
    return iter((piece,)) if _choice(choices, piece, words, loosely=False) is not None else _at_and(fold(piece), words)


def _at_and(said: str, words: Lexicon) -> Iterator[str]:
    part: list[str] = []
    for token in said.split():
        if token in words.and_:
            yield " ".join(part)
            part = []
        else:
            part.append(token)
    yield " ".join(part)


def _clean(text: str) -> str:
    """What can be stored and sent: no control characters and no halves of characters."""
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", kept)


def _words(text: str, longest: int) -> str | Cut | None:
    kept = _clean(text).strip()
    if not any(unicodedata.category(c)[0] in "LNS" for c in kept):
        return None
    return kept if len(kept) <= longest else Cut(kept[:longest])


def _nickname(text: str, words: Lexicon) -> str | None:
    """One or two words with letters that steer and answer nothing: it must be heard as a name later. Words such as "my
    name is" are no part of it.
    """
    if command(text, words):
        return None
    name = _without_called(_clean(text).split(), words)
    said = fold(name)
    taken = said in words.yes_no or said in words.small_talk or command(text, words) or language_named(text, words)
    if taken or not 1 <= len(said.split()) <= 2 or len(name) > _LONGEST_NICKNAME or not _all_letters(said):
        return None
    return None if read_number(text, words) is not None else name


def _without_called(tokens: list[str], words: Lexicon) -> str:
    """The name alone, of words with or without some around it: "you can call me Ann please"."""
    for length in range(min(_LONGEST_CALLED, len(tokens) - 1), 0, -1):
        if fold(" ".join(tokens[:length])) in words.called:
            tokens = tokens[length:]
            break
    while len(tokens) > 1 and fold(tokens[-1]) in words.small_talk:
        tokens = tokens[:-1]
    for length in range(min(_LONGEST_CALLED, len(tokens) - 1), 0, -1):
        if fold(" ".join(tokens[-length:])) in words.called:
            tokens = tokens[:-length]
            break
    return " ".join(tokens).strip(" .,!\u06d4\u0964")


def _all_letters(said: str) -> bool:
    return not any(c.isdigit() for c in said)


def _place(question: Locality, text: str, words: Lexicon, today: date) -> str | Narrowed | None:
    if len(text) > 60:
        return None
    places = [place for place in question.places if place.stands(today)]
    said = fold(text)
    bare = _without_small_talk(said, words)
    for place in places:
        if fold(place.label) in (said, bare):
            return place.name
    found = next((f for t in (text.strip(), bare) if (f := _OUTWARD.fullmatch(digits_to_ascii(t)))), None)
    if found is None:
        return None
    outward = (found[1] + found[2]).upper()
    within = tuple(place.name for place in places if outward in place.postcodes)
    if not within:
        return ELSEWHERE
    if len(within) == 1 and outward not in question.outside:
        return within[0]
    return Narrowed(within)


def _without_small_talk(said: str, words: Lexicon) -> str:
    return " ".join(token for token in said.split() if token not in words.small_talk)


def _cores(said: str, words: Lexicon) -> Iterator[str]:
    """What is left of a text without some of the small talk at its ends: "not now" of "not now, sorry"."""
    tokens = said.split()
    matter = [n for n, token in enumerate(tokens) if token not in words.small_talk]
    if matter:
        for start in range(matter[0] + 1):
            for end in range(len(tokens), matter[-1], -1):
                yield " ".join(tokens[start:end])


def _nearest_command(said: str, words: Lexicon) -> Command | None:
    """One slip in five letters or more, two in nine or more, and no "not" that the word has not; never
    STOP or FORGET ME, which undo too much to guess.
    """
    slips = 1 if len(said) < 9 else 2
    alike = process.extract(said, list(words.commands), scorer=OSA.distance, score_cutoff=slips, limit=None)
    near = {
        words.commands[word] for word, *_ in alike if len(word) >= 5 and _turned(said, words) == _turned(word, words)
    }
    near -= {Command.STOP, Command.FORGET_ME}
    return near.pop() if len(near) == 1 else None
