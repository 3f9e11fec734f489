"""What a coordinator reads in their chat, in their language: lists, previews, and whom to call. No store here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from bot.telling import Telling
from domain.broadcast import Broadcast, BroadcastState, LeftOut, pounds
from domain.call_list import Reason
from domain.event import EventState
from domain.hours import PreferredHours
from domain.message import Status
from domain.segment import Names, sentence
from flows.effects import Blanks, Say
from flows.library import Library
from flows.phrases import Phrases
from flows.programme import named
from flows.render import cldr, fill, form
from store.broadcasts.course import Progress
from store.broadcasts.drafts import Kept
from store.broadcasts.previews import Foreseen
from store.call_list import ToCall
from store.circle import Address
from store.overview import Coming, Today
from store.team import Member, OpenAlert
from store.vocabulary import names_of

T = TypeVar("T")

#: So many lines are read at once; MORE shows the next.
PAGE = 6
_LONGEST = 1400
_CHANNELS = {"sms": "SMS", "telegram": "Telegram"}
_STATES = {
    EventState.DRAFT: "staff_event_draft",
    EventState.PUBLISHED: "staff_event_published",
    EventState.CALLED_OFF: "staff_event_called_off",
}
_SENT, _FAILED = (Status.SENT, Status.DELIVERED), (Status.FAILED, Status.EXPIRED)


@dataclass(frozen=True, slots=True)
class Desk:
    """The words of one coordinator's desk."""

    library: Library
    phrases: Phrases
    language: str
    zone: ZoneInfo
    names: Names

    def page(self, things: Sequence[T], page: int) -> tuple[Sequence[T], list[Say]]:
        """The things of that page (the first is 0), and how many are left behind it."""
        shown = things[page * PAGE : (page + 1) * PAGE]
        left = len(things) - (page + 1) * PAGE
        return shown, [Say(self.phrases.desk_more, {"count": left})] if left > 0 else []

    def parts(self, message: Sequence[Say | str]) -> Iterator[list[Say]]:
        """The message in as many as it takes: providers take no text of any length."""
        part: list[Say] = []
        length = 0
        for one in message:
            said = Say(one) if isinstance(one, str) else one
            more = len(fill(said.text, said.blanks, self.language)) + 1
            if part and length + more > _LONGEST:
                yield part
                part, length = [], 0
            part.append(said)
            length += more
        if part:
            yield part

    def at(self, moment: datetime) -> str:
        return form(moment.astimezone(self.zone), self.language)

    # events

    def coming(self, found: Sequence[Coming], page: int) -> list[Say]:
        shown, more = self.page(found, page)
        if not shown:
            return [Say(self.phrases.desk_events_none if not page else self.phrases.desk_no_more)]
        return [*(line for one in shown for line in self._event(one)), *more, Say(self.phrases.desk_events_tail)]

    def _event(self, one: Coming) -> Iterator[Say]:
        event = one.listed.event
        state = getattr(self.phrases, _STATES[event.state])
        title = named(event, self.language, self.zone)
        yield Say("{number} {title}: {state}", {"number": event.number, "title": title, "state": state})
        capacity = "-" if event.capacity is None else event.capacity
        yield Say(
            self.phrases.staff_event_places,
            {"taken": one.listed.taken, "capacity": capacity, "waiting": one.listed.waiting},
        )
        if event.state is EventState.PUBLISHED:
            needs = self.phrases.desk_open_needs if one.open_needs else self.phrases.desk_ready
            yield Say(needs, {"count": one.open_needs})

    # the day

    def today(self, found: Today, now: datetime) -> list[Say]:
        phrases = self.phrases
        lines = [Say(phrases.desk_today, {"date": now.astimezone(self.zone).date()})]
        lines += [line for one in found.events for line in self._event(one)] or [Say(phrases.desk_today_no_event)]
        counts = (
            (phrases.desk_today_calls, found.to_call),
            (phrases.desk_today_alerts, found.open_alerts),
            (phrases.desk_today_reminders, found.reminders),
            (phrases.desk_today_failed, found.failed),
            (phrases.desk_today_broadcasts, found.broadcasts),
            (phrases.desk_today_strangers, found.strangers),
        )
        lines += [Say(text, {"count": count}) for text, count in counts if count]
        if found.due:
            lines.append(Say(phrases.staff_tasks))
        by_event = {one.event.id: one.event for one in found.due}
        for event in list(by_event.values())[:PAGE]:
            needs = Counter(one.need for one in found.due if one.event.id == event.id)
            what = ", ".join(f"{getattr(phrases, f'staff_need_{need}')} ({n})" for need, n in needs.items())
            title = named(event, self.language, self.zone)
            lines.append(Say(phrases.staff_task, {"number": event.number, "title": title, "what": what}))
        return lines

    # alerts

    def alerts(self, found: Sequence[OpenAlert], team: Sequence[Member], page: int) -> list[Say]:
        shown, more = self.page(found, page)
        if not shown:
            return [Say(self.phrases.staff_none if not page else self.phrases.desk_no_more)]
        names = {one.address.contact_id: one.name for one in team}
        return [*(self.alert(one, names.get(one.taken_by or 0, "")) for one in shown), *more]

    def alert(self, one: OpenAlert, taken_by: str = "") -> Say:
        locale = cldr(self.language)
        at = format_datetime(one.created_at, "EEE HH:mm", tzinfo=self.zone, locale=locale)
        what = str(getattr(self.phrases, f"staff_{one.kind}", one.kind))
        blanks: Blanks = {"number": one.number, "what": what, "time": at, "name": taken_by}
        return Say(self.phrases.desk_alert_taken if taken_by else self.phrases.staff_open, blanks)

    # calls

    def calls(self, people: Sequence[ToCall], total: int, page: int) -> list[Say]:
        """A line each: what they are called and why to call. No number stands in a list."""
        shown, more = self.page(people, page)
        if not shown:
            return [Say(self.phrases.desk_calls_none if not page else self.phrases.desk_no_more)]
        head = [] if page else [Say(self.phrases.desk_calls, {"count": total})]
        lines = [
            Say(
                "{n} {name}: {reason}",
                {"n": n, "name": one.nickname or "?", "reason": self.reason(one.reasons[0])},
            )
            for n, one in enumerate(shown, start=page * PAGE + 1)
        ]
        return [*head, *lines, *more]

    def to_call(self, one: ToCall) -> list[Say]:
        """All that whoever calls must know."""
        phrases = self.phrases
        addresses = ", ".join(address.removeprefix("tel:") for address in one.addresses) or "-"
        lines = [Say("{name}: {address}", {"name": one.nickname or "?", "address": addresses})]
        lines += [Say("{reason}", {"reason": self.reason(reason)}) for reason in one.reasons]
        language = self.library.languages.get(one.language or "")
        if language is not None:
            lines.append(Say(phrases.my_data_language, {"language": language.name}))
        for need in one.helps:
            spoken = f" ({one.interpreter_language})" if need == "interpreter" and one.interpreter_language else ""
            lines.append(Say("{need}", {"need": f"{getattr(phrases, f'staff_need_{need}')}{spoken}"}))
        if one.hours:
            lines.append(Say(phrases.desk_call_hours, {"hours": PreferredHours.parse(one.hours)}))
        if one.worry:
            lines.append(Say(phrases.desk_call_worry, {"words": " ".join(one.worry.split())}))
        if one.tries:
            lines.append(Say(phrases.desk_call_tries, {"count": one.tries}))
        return lines

    def reason(self, reason: Reason) -> str:
        text: str = getattr(self.phrases, f"call_{reason.why.value.removeprefix('soon_')}")
        begins = "" if reason.event_at is None else self.at(reason.event_at)
        since = format_datetime(reason.since, "d MMM", tzinfo=self.zone, locale=cldr(self.language))
        return text.format(since=since, title=reason.about, begins=begins)

    # broadcasts

    def foreseen(self, found: Foreseen) -> list[Say]:
        """Who would get it, what the first of them reads, and the price. The sentence of whom is in English."""
        phrases, ahead, broadcast = self.phrases, found.ahead, found.kept.broadcast
        whom = sentence(broadcast.segment, self.names)
        lines = [
            Say("{number}: {whom}", {"number": broadcast.number, "whom": whom}),
            Say(phrases.desk_preview, {"people": ahead.people, "meant": ahead.meant}),
        ]
        for (tag, channel), tally in sorted(ahead.tallies.items()):
            blanks: Blanks = {
                "language": self._language(tag),
                "channel": _CHANNELS.get(channel, channel),
                "count": tally.people,
            }
            lines.append(Say(phrases.desk_preview_line, blanks))
        lines += [
            Say(getattr(phrases, f"left_{_left(reason)}"), {"count": n}) for reason, n in ahead.left_out.most_common()
        ]
        if ahead.silent:
            lines.append(Say(phrases.desk_preview_silent, {"count": ahead.silent}))
        if ahead.astray:
            lines.append(Say(phrases.desk_preview_astray, {"count": ahead.astray}))
        price: Blanks = {"segments": ahead.segments, "price": pounds(found.pence)}
        lines.append(Say(phrases.desk_preview_price, price))
        if broadcast.send_at is not None:
            lines.append(Say(phrases.desk_preview_begins, {"when": self.at(broadcast.send_at)}))
        for (tag, channel), tally in sorted(ahead.tallies.items())[:1]:
            blanks = {"language": self._language(tag), "channel": _CHANNELS.get(channel, channel), "text": tally.shown}
            lines.append(Say(phrases.desk_preview_text, blanks))
        if found.stops:
            lines.append(Say(phrases.desk_preview_stops))
            lines += [Say("{why}", {"why": why}) for why in found.stops]
        return lines

    def _language(self, tag: str) -> str:
        return self.library.languages[tag].name

    def broadcasts(self, found: Sequence[Kept], page: int) -> list[Say]:
        shown, more = self.page(found, page)
        if not shown:
            return [Say(self.phrases.desk_broadcasts_none if not page else self.phrases.desk_no_more)]
        return [*map(self.broadcast, shown), *more, Say(self.phrases.desk_broadcasts_tail)]

    def broadcast(self, kept: Kept) -> Say:
        one = kept.broadcast
        blanks: Blanks = {"number": one.number, "name": one.name, "state": self._state(one)}
        if kept.started_at is None:
            return Say("{number} {name}: {state}", blanks)
        return Say(
            "{number} {name}: {state}, {queued}/{people}", {**blanks, "queued": kept.queued, "people": kept.people}
        )

    def _state(self, broadcast: Broadcast) -> str:
        if broadcast.state is BroadcastState.DRAFT:
            return self.phrases.staff_event_draft
        return str(getattr(self.phrases, f"broadcast_{broadcast.state.value}"))

    def progress(self, found: Progress) -> list[Say]:
        lines = [self.broadcast(found.kept)]
        if found.kept.started_at is None:
            return lines
        went = sum(found.messages[status] for status in _SENT)
        failed = sum(found.messages[status] for status in _FAILED)
        waits = found.messages.total() - went - failed - found.messages[Status.CANCELLED] + found.waiting
        lines.append(Say(self.phrases.desk_progress, {"sent": went, "failed": failed, "waiting": waits}))
        if found.unsure:
            lines.append(Say(self.phrases.desk_progress_unsure, {"count": found.unsure}))
        if found.kept.why:
            lines.append(Say("{why}", {"why": found.kept.why}))
        return lines


def _left(reason: LeftOut) -> str:
    return reason.name.lower()


def desk_for(telling: Telling, address: Address, now: datetime) -> Desk:
    """The desk of that coordinator, in their language."""
    names = names_of(telling.library, now.astimezone(telling.zone).date())
    return Desk(telling.library, telling.phrases(address), telling.language(address), telling.zone, names)
