"""The engine's and the bot's own sentences, in one language; their English stands in `phrases.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


def _english(one: str, other: str, n: int) -> str:
    return one if n == 1 else other


@dataclass(frozen=True, slots=True)
class Plural:
    """A sentence whose words depend on a number, as gettext knows it."""

    one: str
    other: str
    choose: Callable[[str, str, int], str] = field(default=_english, compare=False)

    def of(self, n: int) -> str:
        return self.choose(self.one, self.other, n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """Each field is a text for people; what it is for stands beside it in `phrases.yaml`."""

    # said by the engine
    yes: str
    no: str
    skip: str
    prefer_not_to_say: str
    hint_scale: str
    hint_one: str
    hint_several: str
    hint_press: str
    done: str
    hint_number: str
    hint_date: str
    hint_skip: str
    not_understood: str
    explain_scale: str
    explain_one: str
    explain_several: str
    explain_number: str
    explain_date: str
    explain_text: str
    offer_person: str
    needed: str
    first_question: str
    paused: str
    welcome_back: Plural
    nudge: str
    earlier_button: str
    date_noted: str
    text_cut: str
    flow_changed: str

    # said by the bot around the flows
    hello: str
    help: str
    stopped: str
    welcome_again: str
    languages: str
    language_changed: str
    language_unavailable: str
    person: str
    call_us: str
    nothing_open: str
    only_text: str
    command_checkin: str
    command_help: str
    command_language: str
    command_stop: str
