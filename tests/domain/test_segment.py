"""Segments: read from what a coordinator writes, and said as a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contact import Purpose, Role
from domain.event import EventKind
from domain.member import Choices
from domain.segment import Kin, Known, Names, Segment, SegmentRefused, meant, segment_of, sentence

NAMES = Names(
    Choices({"en": ("English",), "pl": ("Polish", "polski")}),
    Choices({"tendring": ("Tendring",), "colchester": ("Colchester",), "harlow": ("Harlow",)}),
    Choices({"refugee": ("Refugee or asylum seeker",)}),
    Choices({"research": ("How to do research",)}),
)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "People who agreed to invitations"),
        ({"consent": "news", "people": "carers"}, "Carers who agreed to news"),
        (
            {"districts": ["Tendring", "colchester"], "not_come_to": "training"},
            "People in Tendring or Colchester who agreed to invitations and have not come to a training yet",
        ),
        (
            {"languages": ["polski"], "roles": ["facilitator"], "came_to": ["workshop", "visit"]},
            "People who agreed to invitations, read Polish, are a facilitator and have come to a workshop or a visit",
        ),
        (
            {"groups": ["refugee"], "interests": ["research"], "newcomers": True},
            "People who agreed to invitations, say that this fits them: Refugee or asylum seeker,"
            " want How to do research and have not come to anything yet",
        ),
    ],
)
def test_a_segment_is_said_as_a_sentence(written: Any, said: str) -> None:
    assert sentence(segment_of(written, NAMES), NAMES) == said


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (["Tendring"], "expected fields with names"),
        ({"distrikt": "Tendring"}, "distrikt: there is no such field"),
        ({"districts": "Tendrin"}, "districts: 'Tendrin' means nothing here; did you mean 'Tendring'?"),
        ({"districts": [7]}, "districts: expected names, but 7 is none"),
        ({"languages": "no"}, "languages: 'no' means nothing here"),
        ({"newcomers": "maybe"}, "newcomers: expected yes or no"),
        ({"consent": ["news", "invitations"]}, "consent: only one can be meant"),
        ({"came_to": "visit", "not_come_to": "visit"}, "not_come_to: visit stands in came_to as well"),
        ({"came_to": "visit", "newcomers": True}, "newcomers: who came to something is none"),
    ],
)
def test_what_means_nothing_is_refused_with_what_to_do(written: object, fault: str) -> None:
    with pytest.raises(SegmentRefused) as refused:
        segment_of(written, NAMES)
    assert fault in str(refused.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SegmentRefused) as refused:
        segment_of({"districts": ["Nowhere", "Elsewhere"], "roles": "king"}, NAMES)
    assert len(refused.value.faults) == 3


def test_each_field_narrows() -> None:
    who = Known("pl", frozenset({"facilitator"}), "harlow", came_to=frozenset({"visit"}))
    assert meant(Segment(), who)
    assert meant(Segment(languages=("pl",), districts=("harlow", "tendring"), roles=(Role.FACILITATOR,)), who)
    assert not meant(Segment(languages=("en",)), who)
    assert not meant(Segment(came_to=(EventKind.TRAINING,)), who)
    assert meant(Segment(missed=(EventKind.TRAINING,)), who)
    assert not meant(Segment(missed=(EventKind.VISIT,)), who)
    assert not meant(Segment(newcomers=True), who)
    assert meant(Segment(kin=Kin.MEMBER), who)
    assert not meant(Segment(kin=Kin.CARER), who)


@given(
    st.builds(
        Segment,
        consent=st.sampled_from([Purpose.INVITATIONS, Purpose.NEWSLETTER]),
        districts=st.sampled_from([(), ("harlow",), ("tendring", "colchester")]),
        kin=st.sampled_from([None, *Kin]),
        missed=st.lists(st.sampled_from(list(EventKind)), unique=True).map(tuple),
    )
)
def test_every_segment_says_what_must_be_agreed_to(segment: Segment) -> None:
    assert "agreed to" in sentence(segment, NAMES)
