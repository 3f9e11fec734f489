"""A person of the team and somebody who needs them, writing with each other through the bot. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.events.orders import Order, ordered
from bot.turn import Errand, Next, Relay, Turn
from domain.contact import Role
from flows.effects import Say
from flows.phrases import Phrases
from store.changes import Person
from store.circle import Circle

#: The errand that obeys an order about an event.
ORDER = "order"
TEAM = frozenset({Role.COORDINATOR, Role.FACILITATOR})
#: What is made by answering questions, and the flow that asks them.
_MADE_BY = {Order.NEW: "new_event", Order.NEW_OPPORTUNITY: "new_opportunity"}
_ORDER = re.compile(r"/?(take|done|alerts)(?:\s+(\d{1,9}))?[.!]?", re.IGNORECASE)


def serves(person: Person, circle: Circle) -> bool:
    """Whether this is a person of the team who writes with somebody just now."""
    handover = circle.handover(person)
    return handover is not None and handover.staff is not None and handover.staff.contact_id == person.contact.id


def hear(turn: Turn, person: Person, text: str, circle: Circle, phrases: Phrases) -> bool:
    """Whether the words were an order of the team's, or for the other side of a talk with the team. `phrases` are in
    the language of who wrote them.
    """
    if person.contact.roles & TEAM:
        if order := _ORDER.fullmatch(text.strip()):
            turn.errands.append(Errand(order[1].lower(), person.contact.handover_id, order[2] or ""))
            return True
        if (about_event := ordered(text)) is not None:
            if (made_by := _MADE_BY.get(about_event.order)) is not None:
                if Role.COORDINATOR not in person.contact.roles:
                    return False  # who only leads an event makes none
                turn.follows = Next(made_by, ())
            else:
                turn.errands.append(Errand(ORDER, of_message=True))
            return True
    handover = circle.handover(person)
    if handover is None:
        if person.contact.handover_id is not None:  # it is over, and its end has been said
            person.contact = replace(person.contact, handover_id=None)
        return False
    if handover.staff is None:
        return False
    if handover.stopped and handover.staff.contact_id == person.contact.id:
        turn.said.append(Say(phrases.staff_stopped, {"number": handover.number}))
        return True
    turn.heard.append(handover.id)
    if handover.staff.contact_id == person.contact.id:
        to, words = handover.person, Say("{name}: {text}", {"name": handover.staff_name, "text": text})
    else:
        to, words = handover.staff, Say("{number}: {text}", {"number": handover.number, "text": text})
    turn.relayed.append(Relay(to, (words,), to.language or turn.language))
    return True
