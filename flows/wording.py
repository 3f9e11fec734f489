"""Whether English texts are easy to read and give nothing away: reading age, idiom, letters, and a number to call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyphen

from domain.sms import GSM_BASIC, GSM_EXTENDED
from flows.library import Library
from flows.localized import LocalFlow
from flows.model import Act, Scale, SelectMultiple, SelectOne

#: US school grade, and words of the longest sentence, by language tag.
LIMITS = {"en": (6.0, 20), "en-simple": (4.0, 14)}
#: Texts of fewer words say nothing about grades.
_SHORTEST = 9
_SYLLABLES: Any = pyphen.Pyphen(lang="en_GB")
_SENTENCES = re.compile(r"[.!?:\n]+")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_BLANK = re.compile(r"\{\w+\}")
#: What is hard to understand word by word, and what to say instead.
IDIOMS: Mapping[str, str] = {
    "touch base": "talk",
    "get in touch": "write or call",
    "drop us a line": "write to us",
    "drop in": "come",
    "on board": "with us",
    "heads up": "note",
    "hang in there": "take care",
    "at the end of the day": "in the end",
    "in the loop": "told",
    "feel free": "you can",
    "as soon as possible": "soon",
    "signpost": "tell where to find help",
    "stakeholder": "people who have a part in it",
    "service provision": "services",
    "facilitate": "help",
    "utilise": "use",
    "regarding": "about",
    "prior to": "before",
    "in order to": "to",
    "commence": "begin",
    "terminate": "end",
    "participate": "take part",
    "demographic": "about you",
    "prioritise": "put first",
}
#: What must not stand on a lock screen.
_GIVES_AWAY = re.compile(
    r"\b(mental|psychiatr\w*|psycholog\w*|depress\w*|anxiety|bipolar|schizo\w*|suicid\w*|self.harm|therap\w*|illness"
    r"|disorder|diagnos\w*|patient\w*|clinic\w*|crisis|forensic|addict\w*)\b",
    re.IGNORECASE,
)
#: Where such a word stands because somebody went to that question themself, and why.
ALLOWED = {
    ("about_you", "services"): "an answer on offer, in a form that somebody asked for",
}
#: Flows with which somebody may meet us: their first text names a person's number.
_MET_FIRST = ("joining", "wellbeing")
#: Flows that somebody goes through: their last text does.
_NAME_A_NUMBER = (*_MET_FIRST, "taking_part", "about_you", "needs")


def gives_away(text: str) -> str | None:
    """The first word of the text that must not stand on a lock screen; None where there is none."""
    found = _GIVES_AWAY.search(text)
    return found[0] if found else None


def grade(text: str) -> float:
    """The Flesch-Kincaid grade (Kincaid and others, 1975, US Navy report 8-75): 0.39 words a sentence + 11.8
    syllables a word - 15.59. A word in capitals to be sent, a number and a blank count as one short word.
    """
    words = _words(text)
    sentences = max(1, sum(1 for part in _SENTENCES.split(text) if _words(part)))
    syllables = sum(_syllables(word) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / max(1, len(words)) - 15.59


def _words(text: str) -> list[str]:
    return _WORD.findall(re.sub(r"\d+", "n", _BLANK.sub("n", text)))


def _syllables(word: str) -> int:
    return 1 if word.isupper() else len(_SYLLABLES.positions(word.lower())) + 1


def problems(library: Library) -> Iterator[str]:
    """Each fault, as a sentence for its author."""
    for tag, (highest, longest) in LIMITS.items():
        if tag in library.languages:
            for place, text in _texts(library, tag):
                yield from (f"{place} ({tag}): {fault}" for fault in _in_text(place, text, highest, longest))
            yield from (f"{fault} ({tag})" for fault in _no_number(library, tag))


def _in_text(place: str, text: str, highest: float, longest: int) -> Iterator[str]:
    words = _words(text)
    an_answer = " " in place  # the names of groups are what they are
    if not an_answer and len(words) >= _SHORTEST and (found := grade(text)) > highest:
        yield f"grade {found:.1f}, and {highest:.0f} is the most; use shorter sentences and easier words"
    for sentence in _SENTENCES.split(text):
        if (count := len(_words(sentence))) > longest:
            yield f"a sentence of {count} words, and {longest} are the most; make two of it"
    for idiom, plain in IDIOMS.items():
        if re.search(rf"\b{idiom}", text, re.IGNORECASE):
            yield f"{idiom!r} is hard to understand; say {plain!r}"
    if wrong := "".join(sorted({c for c in text if c not in GSM_BASIC | GSM_EXTENDED})):
        yield f"{wrong!r} is no letter of an English SMS: it would double the price"
    name, _, item = place.partition(".")
    if (found_word := gives_away(text)) and (name, item.partition(" ")[0]) not in ALLOWED:
        yield f"{found_word!r} gives away what it is about to whoever sees the phone"


def _texts(library: Library, tag: str) -> Iterator[tuple[str, str]]:
    phrases = library.phrases[tag]
    for name in phrases.__slots__:
        text = getattr(phrases, name)
        if isinstance(text, str):
            yield f"phrases.{name}", text
    for id in library.flows:
        flow = library.flow(id, tag)
        if flow is None or flow.language != tag:
            continue
        yield from _of_flow(flow)


def _of_flow(flow: LocalFlow) -> Iterator[tuple[str, str]]:
    for step in flow.steps:
        if isinstance(step.item, Act):
            continue
        place = f"{flow.id}.{step.item.name}"
        yield place, step.item.label
        match step.item:
            case SelectOne(choices=choices) | SelectMultiple(choices=choices):
                yield from ((f"{place} {choice.name}", choice.label) for choice in choices)
            case Scale(low=low, high=high):
                yield f"{place} low", low
                yield f"{place} high", high
            case _:
                pass


def _no_number(library: Library, tag: str) -> Iterator[str]:
    """Flows whose first or last text names nobody to call, where it should."""
    for id in _NAME_A_NUMBER:
        flow = library.flow(id, tag)
        if flow is None:
            continue
        texts = [step.item.label for step in flow.steps if not isinstance(step.item, Act)]
        if id in _MET_FIRST and not _NUMBER.search(texts[0]):
            yield f"{id}: its first text does not say whom to call; add a line with {{phone}}"
        if not _NUMBER.search(texts[-1]):
            yield f"{id}: its last text does not say whom to call; add a line with {{phone}}"
    for name in ("hello", "help", "stopped", "forgotten"):
        if not _NUMBER.search(getattr(library.phrases[tag], name)):
            yield f"phrases.{name}: it does not say whom to call; add a line with {{phone}}"


#: A telephone number as it stands in a text when the blank is filled, or the blank.
_NUMBER = re.compile(r"\{phone\}|\d[\d ]{8,}\d")
