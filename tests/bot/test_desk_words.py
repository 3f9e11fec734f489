"""What a coordinator's words mean, and which words of a stranger are an attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desk.orders import Desked, DeskOrder, attempted, desk_order, send_at
from bot.desk.times import moment_said
from tests.flows.shipped import words

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("/invite", Desked(DeskOrder.INVITE)),
        (" Today. ", Desked(DeskOrder.TODAY)),
        ("MORE", Desked(DeskOrder.MORE)),
        ("broadcast 12", Desked(DeskOrder.BROADCAST, 12)),
        ("/broadcast_12", Desked(DeskOrder.BROADCAST, 12)),
        ("broadcast", None),
        ("come today", None),
        ("broadcast 1234567", None),
        ("", None),
    ],
)
def test_an_order_is_the_whole_message(text: str, order: Desked | None) -> None:
    assert desk_order(text) == order


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("8.12. 10am", datetime(2026, 12, 8, 10, tzinfo=LONDON)),
        ("send at 10am tomorrow", datetime(2026, 11, 24, 10, tzinfo=LONDON)),
        ("send it at 10 tomorrow", datetime(2026, 11, 24, 10, tzinfo=LONDON)),
        ("tomorrow at 9:30", datetime(2026, 11, 24, 9, 30, tzinfo=LONDON)),
        ("send at 2.30pm", datetime(2026, 11, 23, 14, 30, tzinfo=LONDON)),
        ("9am", datetime(2026, 11, 24, 9, tzinfo=LONDON)),  # nine has passed today
        ("12am on 8 12", datetime(2026, 12, 8, 0, tzinfo=LONDON)),
        ("12pm on 8 12", datetime(2026, 12, 8, 12, tzinfo=LONDON)),
        ("28 March 2027, 8:00", datetime(2027, 3, 28, 8, tzinfo=LONDON)),  # in summer time
        ("8.12.", None),
        ("tomorrow", None),
        ("25:00 tomorrow", None),
        ("13pm tomorrow", None),
        ("10am on some day", None),
        ("8am today", None),
        ("1.1.2020 10am", None),
    ],
)
def test_a_moment_is_said_in_ones_own_way(text: str, moment: datetime | None) -> None:
    assert moment_said(text, words(), NOW, LONDON) == moment


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_moment_to_come_or_none(text: str) -> None:
    found = moment_said(text, words(), NOW, LONDON)
    assert found is None or found > NOW


def test_send_at_is_cut_to_what_an_errand_carries() -> None:
    assert send_at("Send  it at 10am") == "Send it at 10am"
    assert len(send_at("send at " + "1" * 90) or "") == 40
    assert send_at("sendat 10am") is None
    assert send_at("send") is None


@given(st.text(max_size=30), st.booleans())
def test_an_attempt_is_only_what_begins_like_a_word_of_the_team(text: str, asked: bool) -> None:
    if attempted(text, open_question=asked):
        word = text.strip().lstrip("/").split()[0].lower()
        assert asked is False or text.strip().startswith("/")
        assert word.startswith(("invite", "alerts", "today", "calls", "broadcast", "take", "done", "programme", "new",
                                "event", "publish", "places", "move", "room", "call", "list", "came"))  # fmt: skip
