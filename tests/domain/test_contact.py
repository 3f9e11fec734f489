"""Addresses with their schemes, and the classes of messages."""

from __future__ import annotations

import pytest

from domain.contact import URN
from domain.message import RANK, MessageClass, Status


@pytest.mark.parametrize("text", ["tel:+447700900123", "telegram:4711", "x:a:b"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    urn = URN.parse(text)
    assert str(urn) == text
    assert urn == URN(text.split(":")[0], text.split(":", 1)[1])


@pytest.mark.parametrize("text", ["", "tel", "tel:", ":4711", ":"])
def test_what_is_no_address_is_refused_without_the_number_in_the_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected scheme:path"):
        URN.parse(text)


def test_only_what_nobody_asked_for_waits_for_the_morning() -> None:
    assert [c for c in MessageClass if not c.waits_for_morning] == [MessageClass.CRISIS, MessageClass.REPLY]
    assert sorted(MessageClass)[0] is MessageClass.CRISIS


def test_every_status_has_a_place_on_the_ladder() -> None:
    assert set(RANK) == set(Status)
    assert RANK[Status.QUEUED] < RANK[Status.SENDING] < RANK[Status.SENT] < RANK[Status.DELIVERED]
