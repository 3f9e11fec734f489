"""Who is meant: people chosen by what they told us and what they came to, said in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from domain.contact import Purpose, Role
from domain.event import EventKind
from domain.member import Choices
from domain.value import value

T = TypeVar("T")


class Kin(StrEnum):
    """Whether somebody uses support services themselves, or cares for somebody who does."""

    MEMBER = "member"
    CARER = "carer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """People who agreed to `consent`, without which nobody is written to. Each other field narrows them; an empty one
    does not. Of several values in a field one is enough: in any of the `districts`, in any of the `groups`.

    `interests` are what they want us to offer. `came_to`: they were at one of that kind; `missed`: at none
    of those kinds; `newcomers`: they never were at any.
    """

    consent: Purpose = Purpose.INVITATIONS
    districts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    came_to: tuple[EventKind, ...] = ()
    missed: tuple[EventKind, ...] = ()
    newcomers: bool = False
    kin: Kin | None = None


@value
class Known:
    """What we know of somebody that decides whether they are meant. `language` is English where they chose none."""

    language: str
    roles: frozenset[str] = frozenset()
    district: str = ""
    groups: frozenset[str] = frozenset()
    interests: frozenset[str] = frozenset()
    came_to: frozenset[str] = frozenset()
    carer: bool = False


def meant(segment: Segment, who: Known) -> bool:
    """Whether the segment means them. Whether they agreed and may be written to is another question."""
    return (
        (not segment.languages or who.language in segment.languages)
        and (not segment.districts or who.district in segment.districts)
        and (segment.kin is None or who.carer is (segment.kin is Kin.CARER))
        and _any_of(segment.roles, who.roles)
        and _any_of(segment.groups, who.groups)
        and _any_of(segment.interests, who.interests)
        and _any_of(segment.came_to, who.came_to)
        and who.came_to.isdisjoint(segment.missed)
        and not (segment.newcomers and who.came_to)
    )


def _any_of(wanted: Iterable[str], has: frozenset[str]) -> bool:
    wanted = tuple(wanted)
    return not wanted or not has.isdisjoint(wanted)


@dataclass(frozen=True, slots=True)
class Names:
    """What languages, districts, groups and things to want more of are called, by their codes."""

    languages: Choices
    districts: Choices
    groups: Choices
    interests: Choices


_EVENTS = {
    EventKind.CONSULTATION: "a consultation",
    EventKind.TRAINING: "a training",
    EventKind.ADVISORY_GROUP: "an advisory group",
    EventKind.SUPERVISION: "a supervision",
    EventKind.STAND: "a stand",
    EventKind.WORKSHOP: "a workshop",
    EventKind.VISIT: "a visit",
}
_AGREED = {Purpose.INVITATIONS: "invitations", Purpose.NEWSLETTER: "news"}
_KIN = {None: "People", Kin.MEMBER: "Members", Kin.CARER: "Carers"}


def sentence(segment: Segment, names: Names) -> str:
    """ "People in Tendring or Colchester who agreed to invitations and have not come to a training yet"."""
    words = [_KIN[segment.kin]]
    if segment.districts:
        words.append(f"in {_or(map(names.districts.label, segment.districts))}")
    said = [f"agreed to {_AGREED[segment.consent]}"]
    if segment.languages:
        said.append(f"read {_or(map(names.languages.label, segment.languages))}")
    if segment.groups:
        said.append(f"say that this fits them: {_or(map(names.groups.label, segment.groups))}")
    if segment.roles:
        said.append(f"are {_or(f'a {role.value}' for role in segment.roles)}")
    if segment.interests:
        said.append(f"want {_or(map(names.interests.label, segment.interests))}")
    if segment.came_to:
        said.append(f"have come to {_or(_EVENTS[kind] for kind in segment.came_to)}")
    if segment.newcomers:
        said.append("have not come to anything yet")
    elif segment.missed:
        said.append(f"have not come to {_or(_EVENTS[kind] for kind in segment.missed)} yet")
    return f"{' '.join(words)} who {_and(said)}"


def _or(words: Iterable[str]) -> str:
    return _listed(tuple(words), "or")


def _and(words: Iterable[str]) -> str:
    return _listed(tuple(words), "and")


def _listed(words: tuple[str, ...], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


class SegmentRefused(Exception):
    """The segment means nothing as it is written. `faults` has a sentence each, with the field and what to do."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


_FIELDS = (
    "consent",
    "districts",
    "languages",
    "groups",
    "interests",
    "roles",
    "came_to",
    "not_come_to",
    "newcomers",
    "people",
)
_KINDS = Choices({kind.value: (kind.value.replace("_", " "), f"{kind.value.replace('_', ' ')}s") for kind in EventKind})
_ROLES = Choices({role.value: (role.value, f"{role.value}s") for role in Role})
_PEOPLE = Choices({"": ("anybody", "people"), "member": ("members", "member"), "carer": ("carers", "carer")})
_CONSENTS = Choices({Purpose.INVITATIONS: ("invitations",), Purpose.NEWSLETTER: ("news", "newsletter")})


def segment_of(written: object, names: Names, was: Segment | None = None) -> Segment:
    """The segment that a mapping says, as YAML or a command's options have it: names of what is wanted by field, one
    or a list. What it does not say is as it `was`. Raises SegmentRefused with all that is wrong.
    """
    if written is None:
        written = {}
    if not isinstance(written, Mapping):
        raise SegmentRefused([f"expected fields with names, such as 'districts: [Tendring]'; there are {_FIELDS_SAID}"])
    reading, was = _Reading(written), was or Segment()
    for name in written:
        if name not in _FIELDS:
            reading.faults.append(f"{name}: there is no such field; there are {_FIELDS_SAID}")
    consents = reading.several("consent", lambda text: Purpose(_CONSENTS.code(text)), (was.consent,))
    people = reading.several("people", _PEOPLE.code, ("" if was.kin is None else was.kin.value,))
    for name, given in (("consent", consents), ("people", people)):
        if len(given) > 1:
            reading.faults.append(f"{name}: only one can be meant; take the others out")
    newcomers = written.get("newcomers", was.newcomers)
    if not isinstance(newcomers, bool):
        reading.faults.append("newcomers: expected yes or no")
    segment = Segment(
        consent=consents[0] if consents else Purpose.INVITATIONS,
        districts=reading.several("districts", names.districts.code, was.districts),
        languages=reading.several("languages", names.languages.code, was.languages),
        groups=reading.several("groups", names.groups.code, was.groups),
        interests=reading.several("interests", names.interests.code, was.interests),
        roles=reading.several("roles", lambda text: Role(_ROLES.code(text)), was.roles),
        came_to=reading.several("came_to", lambda text: EventKind(_KINDS.code(text)), was.came_to),
        missed=reading.several("not_come_to", lambda text: EventKind(_KINDS.code(text)), was.missed),
        newcomers=newcomers is True,
        kin=Kin(people[0]) if people and people[0] else None,
    )
    if both := set(segment.came_to) & set(segment.missed):
        reading.faults.append(f"not_come_to: {', '.join(sorted(both))} stands in came_to as well; nobody is both")
    if segment.newcomers and segment.came_to:
        reading.faults.append("newcomers: who came to something is none; take came_to out, or newcomers")
    if reading.faults:
        raise SegmentRefused(reading.faults)
    return segment


_FIELDS_SAID = ", ".join(_FIELDS)


@dataclass(slots=True)
class _Reading:
    written: Mapping[object, object]
    faults: list[str] = field(default_factory=list)

    def several(self, name: str, meaning: Callable[[str], T], was: tuple[T, ...]) -> tuple[T, ...]:
        """What is meant by each of the field's names, each once, in the order in which they stand; `was` where the
        field is not there.
        """
        if name not in self.written:
            return was
        given = self.written[name]
        texts = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
        found: dict[T, None] = {}
        for text in texts:
            if not isinstance(text, str):
                self.faults.append(f"{name}: expected names, but {text!r} is none; put it in quotes if it is")
                continue
            try:
                found[meaning(text)] = None
            except ValueError as error:
                self.faults.append(f"{name}: {error}")
        return tuple(found)
