"""Whom somebody of the team means, in their own words."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contact import Role
from domain.event import EventKind
from domain.segment import Kin, Segment, SegmentRefused, sentence
from domain.segment_words import segment_said
from store.vocabulary import names_of
from tests.flows.shipped import library

NAMES = names_of(library(), date(2026, 11, 23))


@pytest.mark.parametrize(
    ("words", "segment"),
    [
        ("everybody", Segment()),
        ("People in Tendring or Harlow.", Segment(districts=("tendring", "harlow"))),
        ("newcomers in Harlow who read Polish", Segment(districts=("harlow",), languages=("pl",), newcomers=True)),
        ("carers", Segment(kin=Kin.CARER)),
        ("Polish speakers, Urdu speakers", Segment(languages=("pl", "ur"))),
        ("members who have not come to a training yet", Segment(kin=Kin.MEMBER, missed=(EventKind.TRAINING,))),
        ("who came to a training but never to a visit",
         Segment(came_to=(EventKind.TRAINING,), missed=(EventKind.VISIT,))),
        ("people who have not come to anything yet", Segment(newcomers=True)),
        ("facilitators in southend on sea", Segment(roles=(Role.FACILITATOR,), districts=("southend_on_sea",))),
    ],
)  # fmt: skip
def test_what_people_say_is_understood(words: str, segment: Segment) -> None:
    assert segment_said(words, NAMES) == segment


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("people in Tendrin", "'tendrin' means nothing here; did you mean 'tendring'?"),
        ("young men with red hats in Harlow", "'young men' means nothing here"),
        ("people who do not read Polish", "'do' means nothing here"),
        ("people not in Harlow", "'not' before 'harlow': people can be left out only by what they came to"),
        ("members and carers", "say only one of the two"),
        ("newcomers who came to a training", "who came to something is no newcomer"),
        ("people who came to a training and not to a training", "nobody came to a training and never did"),
        ("", "say whom you mean"),
        ("who are in the", "say whom you mean"),
        ("people who came to anything", "say 'who have not come to anything'"),
    ],
)
def test_a_word_that_nobody_understands_is_never_passed_over(words: str, fault: str) -> None:
    with pytest.raises(SegmentRefused) as refused:
        segment_said(words, NAMES)
    assert fault in str(refused.value)


def several(names: list[str], most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), max_size=most, unique=True).map(tuple)


SEGMENTS = st.builds(
    Segment,
    districts=several([*NAMES.districts.names]),
    languages=several([*NAMES.languages.names]),
    groups=several([*NAMES.groups.names]),
    interests=several([*NAMES.interests.names]),
    roles=several([*Role]).map(lambda found: tuple(map(Role, found))),
    came_to=several([*EventKind]).map(lambda found: tuple(map(EventKind, found))),
    missed=several([*EventKind]).map(lambda found: tuple(map(EventKind, found))),
    newcomers=st.booleans(),
    kin=st.sampled_from([None, *Kin]),
).filter(
    lambda one: (
        not set(one.came_to) & set(one.missed)
        and not (one.newcomers and one.came_to)
        and not (one.newcomers and one.missed)
    )
)


@given(SEGMENTS)
def test_the_sentence_that_we_say_is_understood_when_it_is_sent_back(segment: Segment) -> None:
    assert segment_said(sentence(segment, NAMES), NAMES) == segment


@given(st.text(max_size=60))
def test_whatever_is_said_means_somebody_or_is_refused(words: str) -> None:
    try:
        segment_said(words, NAMES)
    except SegmentRefused as refused:
        assert all(refused.faults)
