"""Who is meant, as somebody of the team says it: "newcomers in Harlow or Tendring who read Polish". Pure.

It understands what `domain.segment.sentence` says, and shorter forms of it. Every word must mean something: a word
that nobody understood might have been the one that keeps people out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from domain.contact import Purpose, Role
from domain.event import EventKind
from domain.member import Choices
from domain.segment import Kin, Names, Segment, SegmentRefused

_WORD = re.compile(r"[^\W_]+")
_EVERYBODY = frozenset({"people", "everybody", "everyone", "all", "anybody", "anyone", "those"})
#: Words that only hold the others together.
_BETWEEN = frozenset(
    {
        "who", "that", "which", "are", "is", "in", "from", "near", "of", "the", "a", "an",
        "and", "or", "but", "read", "reads", "reading", "readers", "speak", "speaks", "speaking", "speakers", "say",
        "says", "this", "fits", "fit", "them", "they", "want", "wants", "have", "has", "had", "come",
        "came", "been", "be", "to", "at", "on", "agreed", "invitations", "yet", "ever", "already", "so",
        "far", "before", "with", "live", "lives", "living", "us", "our", "also", "only", "as", "well",
        "please", "language",
    }
)  # fmt: skip
_NOT, _NEW_CLAUSE = frozenset({"not", "never"}), frozenset({"and", "but", "who"})
_KINDS: Mapping[str, Kin] = {"members": Kin.MEMBER, "member": Kin.MEMBER, "carers": Kin.CARER}

_Phrase = tuple[str, ...]


def segment_said(text: str, names: Names, consent: Purpose = Purpose.INVITATIONS) -> Segment:
    """Raises SegmentRefused for words that mean nothing here, with what was perhaps meant."""
    known = _known(names)
    longest = max(map(len, known))
    reading, words, n = _Reading(), _words(text), 0
    while n < len(words):
        found = next((size for size in range(longest, 0, -1) if words[n : n + size] in known), 0)
        if found:
            reading.meant(words[n : n + found], *known[words[n : n + found]])
            n += found
        else:
            reading.word(words[n])
            n += 1
    faults = [*reading.faults, *_unknown(reading.unknown, known)]
    if not faults and not reading.anybody:
        faults.append("say whom you mean, such as: people in Harlow who read Polish")
    found_all = reading.found
    newcomers = reading.newcomers
    if newcomers and "came_to" in found_all:
        faults.append("who came to something is no newcomer: say only one of the two")
    if both := set(found_all.get("came_to", ())) & set(found_all.get("missed", ())):
        faults.append(f"nobody came to a {sorted(both)[0].replace('_', ' ')} and never did: say only one of the two")
    if faults:
        raise SegmentRefused(faults)
    return Segment(
        consent=consent,
        districts=found_all.get("districts", ()),
        languages=found_all.get("languages", ()),
        groups=found_all.get("groups", ()),
        interests=found_all.get("interests", ()),
        roles=tuple(map(Role, found_all.get("roles", ()))),
        came_to=tuple(map(EventKind, found_all.get("came_to", ()))),
        missed=() if newcomers else tuple(map(EventKind, found_all.get("missed", ()))),
        newcomers=newcomers,
        kin=None if reading.kin is None else reading.kin,
    )


def _words(text: str) -> _Phrase:
    return tuple(_WORD.findall(text.casefold()))


def _known(names: Names) -> dict[_Phrase, tuple[str, str]]:
    """What each name means: the field of a segment, and the value."""
    found: dict[_Phrase, tuple[str, str]] = {}
    fields: tuple[tuple[str, Choices], ...] = (
        ("interests", names.interests),
        ("groups", names.groups),
        ("languages", names.languages),
        ("districts", names.districts),
    )
    for name, choices in fields:
        for code, several in choices.names.items():
            for one in (*several, code):
                found[_words(one.replace("_", " "))] = name, code
    for kind in EventKind:
        phrase = _words(kind.value.replace("_", " "))
        found[phrase] = found[(*phrase[:-1], f"{phrase[-1]}s")] = "kinds", kind.value
    for role in Role:
        found[_words(f"a {role.value}")] = "roles", role.value
        if role is not Role.CARER:
            found[_words(f"{role.value}s")] = "roles", role.value
    for word, kin in _KINDS.items():
        found[(word,)] = "kin", kin.value
    for words in ("newcomers", "anything"):
        found[(words,)] = "newcomers", words
    return found


@dataclass(slots=True)
class _Reading:
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kin: Kin | None = None
    newcomers: bool = False
    anybody: bool = False
    negated: bool = False
    unknown: list[list[str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _known_last: bool = True

    def word(self, word: str) -> None:
        if word in _NOT:
            self.negated = True
        elif word in _EVERYBODY:
            self.anybody = True
        elif word not in _BETWEEN:
            if self._known_last:
                self.unknown.append([])
            self.unknown[-1].append(word)
            self._known_last = False
            return
        if word in _NEW_CLAUSE:
            self.negated = False
        self._known_last = True

    def meant(self, words: _Phrase, name: str, value: str) -> None:
        self._known_last = self.anybody = True
        if name == "kinds":
            name = "missed" if self.negated else "came_to"
        elif self.negated != (value == "anything"):
            said = " ".join(words)
            self.faults.append(
                f"'not' before {said!r}: people can be left out only by what they came to"
                if self.negated
                else "'anything': say 'who have not come to anything', for people who are new"
            )
            return
        if name == "newcomers":
            self.newcomers = True
        elif name == "kin":
            if self.kin is not None and self.kin is not Kin(value):
                self.faults.append("members and carers: say only one of the two, or people for both")
            self.kin = Kin(value)
        elif value not in self.found.get(name, ()):
            self.found[name] = (*self.found.get(name, ()), value)


def _unknown(runs: Sequence[Sequence[str]], known: Mapping[_Phrase, tuple[str, str]]) -> Iterator[str]:
    names = {" ".join(phrase): phrase for phrase in known}
    for run in runs:
        said = " ".join(run)
        near = get_close_matches(said, list(names), n=1, cutoff=0.7)
        perhaps = f"did you mean {near[0]!r}?" if near else "say it in other words, or send a saved group's name"
        yield f"{said!r} means nothing here; {perhaps}"
