"""What a person's carers are told of what was said to the person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.turn import Relay, Turn
from domain.carer import Kind, Scope, carer_gets
from domain.contact import Purpose
from domain.message import MessageClass
from flows.effects import Ask, Say
from flows.library import Library
from flows.localized import LocalFlow
from flows.phrases import Phrases
from store.changes import Person
from store.circle import Carer


def scope_words(phrases: Phrases, scope: Scope) -> str:
    """What a carer may do, in words."""
    match scope:
        case Scope.NOTHING:
            return phrases.scope_nothing
        case Scope.REMINDERS:
            return phrases.scope_reminders
        case Scope.HELP:
            return phrases.scope_help
        case Scope.ANSWER:
            return phrases.scope_answer


def told(
    library: Library,
    person: Person,
    turn: Turn,
    carers: list[Carer],
    nickname: str,
    as_asked: Callable[[LocalFlow], LocalFlow],
) -> Iterator[Relay]:
    """What goes to the carers, each in their language. A flow about the person's own settings is none of theirs.
    `as_asked` fills a flow with what it is about.
    """
    talk = person.talk
    flow = library.flows.get(talk.session.flow) if talk is not None else None
    asks = [one for one in turn.said if isinstance(one, Ask)]
    if flow is None or flow.private or not asks or turn.helper:
        return
    reminder = turn.message_class is MessageClass.REMINDER
    agreed = Purpose.CARER in person.contact.consents
    for carer in carers:
        language = library.language(carer.address.language)
        phrases = library.phrases[language]
        if reminder and carer_gets(carer.scope, Kind.REMINDER, agreed=agreed):
            said: tuple[Say | Ask, ...] = (Say(phrases.carer_reminder, {"nickname": nickname}),)
            yield Relay(carer.address, said, language, MessageClass.REMINDER)
        elif not reminder and carer_gets(carer.scope, Kind.QUESTION, agreed=agreed):
            local = library.flow(flow.id, language)
            for ask in asks:
                question = as_asked(local).question(ask.question.name) if local is not None else None
                if question is not None:
                    said = (Say(phrases.carer_question, {"nickname": nickname}), Ask(question))
                    yield Relay(carer.address, said, language)
