"""Who is writing, where a phone speaks for more than one: two people who share it, or a carer for somebody. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.carer import may_answer
from flows.effects import Say
from flows.fold import fold
from flows.inputs import STEERING, Command
from flows.phrases import Phrases
from flows.replies import command
from flows.words import Lexicon
from store.changes import Phone
from store.circle import Charge

#: So long after their last word it is taken for granted that the same person goes on writing.
VOICE_MS = 30 * 60_000


@dataclass(frozen=True, slots=True)
class Voice:
    """`contact_id` is whose words they are; None: it is not clear, and must be asked. `charge`: a carer answers
    for that person. `named`: the words were only to say who writes, as `nickname`. `ended`: a carer who
    answered for somebody writes for themself again; `left`: they gave an order of their own, which does that too.
    """

    contact_id: int | None
    charge: Charge | None = None
    named: bool = False
    nickname: str = ""
    ended: bool = False
    left: bool = False


def whose(
    text: str | None,
    owner_id: int,
    phone: Phone | None,
    sharers: Mapping[int, str],
    charges: list[Charge],
    words: Lexicon,
    now_ms: int,
) -> Voice:
    """Whose words these are. `text` is None for a pressed button. `sharers` are the names of those who share the
    phone, by contact; `charges` whom its owner cares for.
    """
    said = "" if text is None else fold(text)
    steering = None if text is None else command(text, words)
    speaking = phone.voice_id if phone is not None and now_ms < phone.voice_until else None
    answering = next((c for c in charges if c.contact_id == speaking and may_answer(c.scope, agreed=c.agreed)), None)
    for contact_id, name in sharers.items():
        if said and said == fold(name):
            return Voice(contact_id, named=True, nickname=name)
    for charge in charges:
        if (
            said
            and fold(charge.nickname) in (said, said.partition(" ")[2])
            and may_answer(charge.scope, agreed=charge.agreed)
        ):
            return Voice(charge.contact_id, charge, named=True, nickname=charge.nickname)
    if answering is not None:
        if steering is Command.ME:
            return Voice(owner_id, ended=True)
        if steering is None or steering in STEERING:
            return Voice(answering.contact_id, answering)
        return Voice(owner_id, left=True)  # a carer's commands are their own: no data, no settings of anybody else's
    if not sharers:
        return Voice(owner_id)
    if speaking in sharers:
        return Voice(speaking)
    if text is None or steering is Command.STOP:  # a button is tied to its question; STOP is for the whole phone
        return Voice(owner_id)
    return Voice(None)


def greets(voice: Voice, phrases: Phrases, *, asks: bool) -> Say | None:
    """What is said to whoever has just said who they are. `asks`: a question waits for that person."""
    if not voice.named:
        return Say(phrases.me_again) if voice.ended else None
    if voice.charge is None:
        said = phrases.hello_name
    else:
        said = phrases.carer_answering if asks else phrases.carer_no_question
    return Say(said, {"nickname": voice.nickname})


def speaks_on(phone: Phone, voice: Voice, now_ms: int, *, asks: bool) -> None:
    """Whom the phone speaks for from now on. Who has said who they are has answered for the words that were held."""
    if voice.named:
        phone.held = None
    if voice.ended or voice.left or (voice.named and voice.charge is not None and not asks):
        phone.voice_id = None
        return
    if phone.shared or voice.charge is not None:
        phone.voice_id, phone.voice_until = voice.contact_id, now_ms + VOICE_MS
