"""What the team orders about opportunities by message, and who asks for one: errands, one transaction each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from bot.events.orders import OfOpportunity, Order, Ordered, in_language, of_opportunity, sure
from bot.telling import Telling, UnderWay
from domain.event import Criterion, Texts, text_in
from domain.message import MessageClass
from domain.opportunity import Opportunity, OpportunityKind, OpportunityState
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.effects import Say
from flows.library import SOURCE_LANGUAGE
from flows.model import Date
from flows.phrases import Phrases
from flows.programme import blanks_of
from flows.replies import understand
from store import opportunities, people, team
from store.event_rules import Known
from store.opportunity_rules import OpportunityRefused

_STATES = {
    OpportunityState.DRAFT: "staff_event_draft",
    OpportunityState.PUBLISHED: "staff_opportunity_open",
    OpportunityState.CLOSED: "staff_opportunity_closed",
    OpportunityState.WITHDRAWN: "staff_event_called_off",
}
#: Until the last minute of a day: midnight would be said as the day after.
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class OpportunityErrands:
    """`known` are the languages and districts that an opportunity may name."""

    telling: Telling
    known: Known

    async def obey(self, errand: UnderWay, order: Ordered, phrases: Phrases) -> list[Say]:
        """What is said to a coordinator's order. Raises OpportunityRefused."""
        connection, now, number = errand.connection, errand.now, order.number
        counts = await opportunities.how_many(connection)
        if order.order is Order.OPPORTUNITIES:
            every = await opportunities.opportunities(connection, now)
            shown = [one for one in every if one.state is not OpportunityState.WITHDRAWN]
            lines = [self._line(errand, one, counts.get(one.id, 0), phrases) for one in shown]
            return lines or [Say(phrases.staff_none)]
        if (found := await opportunities.numbered(connection, number, now)) is None:
            return [Say(phrases.staff_opportunity_none, {"number": number})]
        wanted = of_opportunity(order.rest)
        match wanted:
            case None:
                return self._shown(errand, found, counts.get(found.id, 0), phrases)
            case (OfOpportunity.PUBLISH, _):
                if not await opportunities.publish(connection, number, now):
                    return self._shown(errand, found, counts.get(found.id, 0), phrases)
            case (OfOpportunity.WITHDRAW, rest):
                if not (why := sure(rest)):
                    count = counts.get(found.id, 0)
                    return [Say(phrases.staff_withdraw_sure, {"number": number, "count": count})]
                explained = {SOURCE_LANGUAGE: why}
                told = await opportunities.withdraw(connection, self.telling.ids, number, explained, now, self.known)
                return [Say(phrases.staff_event_done, {"number": told or 0})]
            case (asked, rest):
                if (change := self._change(errand, asked, rest)) is None:
                    return self._shown(errand, found, counts.get(found.id, 0), phrases)
                await opportunities.change(connection, number, change, now, self.known)
        again = await opportunities.numbered(connection, number, now)
        return self._shown(errand, again or found, counts.get(found.id, 0), phrases)

    def _change(self, errand: UnderWay, asked: OfOpportunity, rest: str) -> Callable[[Opportunity], Opportunity] | None:
        """What makes of an opportunity what the order wants; None where it cannot be read."""
        if asked is OfOpportunity.CLOSES:
            zone, words = self.telling.zone, self.telling.library.words[SOURCE_LANGUAGE]
            today = errand.now.astimezone(zone).date()
            answer = understand(Date(name="closes", label="", tense="future"), rest, words, today)
            if answer is None:
                return None
            closes_at = self._last_minute(str(answer))
            return lambda one: replace(one, closes_at=closes_at)
        language, text = in_language(rest, self.known.languages)
        if not text:
            return None
        match asked:
            case OfOpportunity.TITLE:
                return lambda one: replace(one, title={**one.title, language: text})
            case OfOpportunity.ABOUT:
                return lambda one: replace(one, about={**one.about, language: text})
            case OfOpportunity.PAYMENT:
                return lambda one: replace(one, payment={**one.payment, language: text})
            case _:
                return None

    def _last_minute(self, day: str) -> datetime:
        return datetime.combine(date.fromisoformat(day), _LAST_MINUTE, self.telling.zone)

    def _line(self, errand: UnderWay, one: Opportunity, count: int, phrases: Phrases) -> Say:
        title = text_in(one.title, self.telling.language(errand.asker))
        state = getattr(phrases, _STATES[one.state])
        return Say("{number} {title}", {"number": one.number, "title": f"{title}, {state}, {count}"})

    def _shown(self, errand: UnderWay, one: Opportunity, count: int, phrases: Phrases) -> list[Say]:
        blanks = {
            **blanks_of(one, self.telling.language(errand.asker), self.telling.zone),
            "number": one.number,
            "state": getattr(phrases, _STATES[one.state]),
            "count": count,
        }
        texts = [Say(phrases.staff_opportunity, blanks)]
        return [*texts, Say(phrases.staff_opportunity_orders, {"number": one.number})]

    async def make(self, errand: UnderWay) -> None:
        """A coordinator has answered the questions of a new opportunity; `session_id` is that session."""
        phrases, me = self.telling.phrases(errand.asker), errand.asker
        if not await team.is_coordinator(errand.connection, me.contact_id):
            return
        session = await people.session_of(errand.connection, self.telling.vault, errand.due.session_id or 0)
        if session is None:
            return
        said = {name: answer for name, answer in session.answers.items() if answer != PREFER_NOT_TO_SAY}
        made = Opportunity(
            id=self.telling.ids(),
            number=0,  # the store gives it
            kind=OpportunityKind(str(said["kind"])),
            title={SOURCE_LANGUAGE: str(said["name"])},
            about=_text(said.get("about")),
            criteria=_criteria(said.get("criteria")),
            payment=_text(said.get("payment")),
            closes_at=self._last_minute(str(said["closes"])),
        )
        try:
            kept = await opportunities.add(errand.connection, made, errand.now, self.known)
        except OpportunityRefused as refused:
            await self.telling.tell(errand, me, Say(phrases.staff_event_refused, {"why": str(refused)}))
            return
        await self.telling.tell(errand, me, Say(phrases.staff_opportunity_made, {"number": kept.number}))

    async def interest(self, errand: UnderWay) -> None:
        """Somebody puts themselves forward for the opportunity `session_id`."""
        phrases, id = self.telling.phrases(errand.asker), errand.due.session_id or 0
        shown = await opportunities.show_interest(errand.connection, self.telling.ids, id, errand.asker, errand.now)
        said = {
            opportunities.Shown.SHOWN: phrases.interest_noted,
            opportunities.Shown.ALREADY: phrases.interest_known,
            opportunities.Shown.NOT_OPEN: phrases.event_gone,
        }
        await self.telling.tell(errand, errand.asker, said[shown])

    async def withdrawn(self, errand: UnderWay) -> None:
        """The opportunity `session_id`, for which they put themselves forward, is not to be."""
        found = await opportunities.opportunity(errand.connection, errand.due.session_id or 0, errand.now)
        if found is None or await people.has_stopped(errand.connection, errand.asker.contact_id):
            return
        blanks = blanks_of(found, self.telling.language(errand.asker), self.telling.zone)
        words = Say(self.telling.phrases(errand.asker).opportunity_withdrawn, blanks)
        await self.telling.tell(errand, errand.asker, words, kind=MessageClass.REMINDER)


def _text(said: Answer | None) -> Texts:
    return {} if said is None else {SOURCE_LANGUAGE: str(said)}


def _criteria(said: Answer | None) -> tuple[Criterion, ...]:
    return () if said is None else (Criterion(name="who", label=_text(said)),)
