"""What takes more than a batch has loaded: the team called, data shown or erased, people linked. One transaction each.

An errand is a fire that is due at once. It is taken out in the transaction that does its work, so that it is
done once, and not at all if that fails: then it comes again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from babel.dates import format_datetime

from bot.batch import BLOCKED
from bot.carers import scope_words
from bot.desk.broadcasting import Broadcasting
from bot.desk.desk import KINDS as OF_THE_DESK
from bot.desk.desk import CoordinatorsDesk
from bot.dispatcher import where
from bot.events.errands import EventErrands
from bot.events.opportunities import OpportunityErrands
from bot.events.tasks import TaskErrands
from bot.news.errands import NewsErrands
from bot.outgoing import ChannelKind
from bot.telling import Telling, UnderWay
from domain.carer import Scope
from domain.code import CodeKind
from domain.contact import Purpose, Role
from domain.event import Event, text_in
from domain.message import MessageClass
from domain.quiet import QuietHours
from flows.effects import AlertKind, Blanks, Say
from flows.labels import told_as
from flows.library import Library
from flows.phrases import Phrases
from flows.programme import blanks_of
from flows.render import Renderer, cldr
from store import attendance, certificates, duties, erasure, events, fires, merging, outbox, people, places, team
from store.alerts import note_stranger
from store.broadcasts.drafts import Post
from store.broadcasts.preparing import ask_first, still_them
from store.broadcasts.previews import ASK_FIRST
from store.changes import Due
from store.circle import Address
from store.database import Database
from store.event_rules import known_of
from store.team import Member, OpenAlert
from store.vault import Vault

log = structlog.get_logger()

#: The kinds of fire that are errands.
KINDS = frozenset(
    {
        "page",
        "handover",
        "take",
        "done",
        "alerts",
        "my_data",
        "delete_last",
        "erase",
        "erase_now",
        "not_theirs",
        "carers_ended",
        "join_phones",
        "link_carer",
        "join_team",
        "order",
        "make_event",
        "make_opportunity",
        "outside",
        "interest",
        "certificate",
        "opportunity",
        "stopped",
        "arrange",
        "unarrange",
        "tasks_off",
        "tasks_due",
        "news",
        "news_due",
        "still_me",
        "stranger",
        ASK_FIRST,
        *OF_THE_DESK,
    }
)
_AGAIN = timedelta(minutes=1)
#: Nobody answered: the next on the rota is called. Where nobody may be in danger it is less of a hurry.
PAGE_AGAIN, PAGE_AGAIN_CALM = timedelta(minutes=5), timedelta(hours=3)
#: After so many calls without a hurry, one a day: a phone that rings all day is one that is not looked at.
_CALM_PAGES, _A_DAY = 4, timedelta(days=1)
#: A talk with the team in which nobody has said a word for so long is over.
_TALK_ENDS = timedelta(hours=12)
#: The goodbye to somebody who is forgotten must have gone out before their address goes; but not for ever.
_GOODBYE_TRIES, _GOODBYE_AGAIN = 45, timedelta(seconds=20)
_FILE_WORKS = timedelta(days=1)
#: Somebody stopped our messages and has a place, or waits for one.
STOPPED_BOOKING, _NAMED = "stopped_booking", 5
_URGENT = frozenset({AlertKind.DISTRESS, AlertKind.DRILL, AlertKind.AT_THE_DOOR})
_TALKED_ABOUT = frozenset({AlertKind.DISTRESS, AlertKind.PERSON, AlertKind.STUCK})


class Errands:
    """`token` makes a secret that nobody can guess, for the link to somebody's file. `reference` names an erasure."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        library: Library,
        renderer: Renderer,
        channels: Mapping[str, ChannelKind],
        quiet: QuietHours,
        ids: Callable[[], int],
        clock: Callable[[], datetime],
        *,
        token: Callable[[], str],
        reference: Callable[[], str],
        post: Post,
        public_base_url: str = "",
        on_queued: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._library = library
        self._quiet = quiet
        self._telling = Telling(vault, library, renderer, channels, quiet, ids)
        known = known_of(library)
        self._of_opportunities = OpportunityErrands(self._telling, known)
        self._of_events = EventErrands(self._telling, known, self._page_of_guests, self._of_opportunities)
        self._of_tasks = TaskErrands(self._telling)
        self._of_news = NewsErrands(self._telling, post.press)
        self._desk = CoordinatorsDesk(database, self._telling, Broadcasting(database, post, self._telling))
        self._post = post
        self._ids = ids
        self._clock = clock
        self._token = token
        self._reference = reference
        self._public_base_url = public_base_url
        self._on_queued = on_queued

    async def run(self, due: Due) -> None:
        """Do it. One that fails is tried again in a minute; its kind and place are logged, nothing of the person."""
        now = self._clock()
        try:
            if due.kind == ASK_FIRST:
                await ask_first(self._post, due, now)
            elif due.kind in OF_THE_DESK:
                await self._desk.run(due, now)
            else:
                await self._run(due, now)
        except Exception as error:
            if self._database.is_lost(error):
                raise  # it is due still, or done: the next ring finds out
            log.error("errand failed", kind=due.kind, **where(error))
            async with self._database.begin() as connection:
                await fires.put_off(connection, due.id, now + _AGAIN)
            return
        if due.kind == "erase_now" and await erasure.is_gone(self._database, due.contact_id):
            await erasure.scrub(self._database)
        self._on_queued()

    async def _run(self, due: Due, now: datetime) -> None:
        async with self._database.begin() as connection:
            if await fires.take_out(connection, due.id):
                language = await people.language_of(connection, due.contact_id)
                asker = Address(due.contact_id, due.urn_key, due.channel, language)
                await self._do(UnderWay(connection, due, now, asker))

    async def _do(self, errand: UnderWay) -> None:
        match errand.due.kind:
            case "page":
                await self._page(errand)
            case "handover":
                await self._look_at_talk(errand)
            case "take":
                await self._take(errand)
            case "done":
                await self._done(errand)
            case "alerts":
                await self._list(errand)
            case "my_data":
                await self._my_data(errand)
            case "delete_last":
                found = await people.delete_last_answer(
                    errand.connection, self._vault, errand.asker.contact_id, self._library.flows
                )
                phrases = self._telling.phrases(errand.asker)
                said = phrases.deleted_last if found else phrases.nothing_to_delete
                await self._telling.tell(errand, errand.asker, said, stopped_too=True)
            case "erase":
                await self._say_goodbye(errand)
            case "erase_now":
                await self._erase(errand)
            case "not_theirs":
                asker = errand.asker
                await people.give_number_away(
                    errand.connection, self._vault, self._ids(), asker.contact_id, asker.urn_key, errand.now
                )
            case "carers_ended":
                await self._carers_ended(errand)
            case "join_phones":
                await self._join_phones(errand)
            case "link_carer":
                await self._link_carer(errand)
            case "join_team":
                await self._join_team(errand)
            case "order":
                await self._of_events.order(errand)
            case "make_event":
                await self._of_events.make(errand)
            case "make_opportunity":
                await self._of_opportunities.make(errand)
            case "outside":
                await self._of_events.outside(errand)
            case "interest":
                await self._of_opportunities.interest(errand)
            case "certificate":
                await self._certify(errand)
            case "opportunity":
                await self._of_opportunities.withdrawn(errand)
            case "stopped":
                await self._stopped(errand)
            case "still_me":
                await still_them(errand.connection, errand.asker.contact_id, errand.now)
            case "stranger":
                me, zone = errand.asker.contact_id, self._telling.zone
                if await note_stranger(errand.connection, self._ids, me, zone, errand.now):
                    log.warning("a word of the team's from somebody who is not on it", channel=errand.asker.channel)
            case "arrange":
                await self._of_tasks.arrange(errand)
            case "unarrange":
                await self._of_tasks.unarrange(errand)
            case "tasks_off":
                await self._of_tasks.call_off(errand)
            case "tasks_due":
                await self._of_tasks.remind(errand)
            case "news":
                await self._of_news.again(errand)
            case "news_due":
                await self._of_news.remind(errand)
            case kind:
                raise ValueError(f"{kind!r} is no errand")

    async def _page_of_guests(self, errand: UnderWay, event: Event) -> str:
        """A new link to the page on which they note who came; for those who lead it, or help there."""
        leads = await duties.has(errand.connection, event.id, errand.asker.contact_id)
        if not (leads and self._public_base_url):
            return ""
        token = self._token()
        await attendance.new_sheet(errand.connection, self._vault, event, errand.asker.contact_id, token, errand.now)
        return f"{self._public_base_url}/attendance/{token}"

    async def _certify(self, errand: UnderWay) -> None:
        """Who came to a training gets a link to their certificate, where we have an address that it can lead to."""
        event = await events.event(errand.connection, errand.due.session_id or 0)
        if event is None or not self._public_base_url:
            return
        token, me = self._token(), errand.asker
        await certificates.new_certificate(errand.connection, self._vault, event.id, me.contact_id, token, errand.now)
        blanks: Blanks = {
            "title": text_in(event.title, self._telling.language(me)),
            "link": f"{self._public_base_url}/certificate/{token}",
        }
        words = Say(self._telling.phrases(me).certificate, blanks)
        await self._telling.tell(errand, me, words, kind=MessageClass.REMINDER)

    # the team

    async def _page(self, errand: UnderWay) -> None:
        """Call whose turn it is; later the next, until somebody takes it."""
        found = await team.alert(errand.connection, errand.due.session_id or 0)
        if found is None or found.taken_by is not None:
            return
        urgent = found.kind in _URGENT
        if not urgent and self._quiet.cover(errand.now):
            await self._telling.later(errand, "page", self._quiet.after(errand.now), about=found.id)
            return
        rota = team.on_duty(await team.members(errand.connection, self._vault), errand.now, self._telling.zone)
        pages, number = found.pages, await team.page(errand.connection, found)
        if rota:
            member = rota[pages % len(rota)]
            phrases = self._telling.phrases(member.address)
            words = Say(phrases.staff_page, {"what": _what(phrases, found.kind), "number": number})
            kind = MessageClass.CRISIS if urgent else MessageClass.REMINDER
            await self._telling.tell(errand, member.address, words, kind=kind)
        else:
            log.error("nobody is on the rota", alert=number)
        calm = PAGE_AGAIN_CALM if pages < _CALM_PAGES else _A_DAY
        again = PAGE_AGAIN if urgent else calm
        await self._telling.later(errand, "page", errand.now + again, about=found.id)

    async def _take(self, errand: UnderWay) -> None:
        """Somebody of the team sees to an alert: the named one, or the newest that nobody has."""
        connection, me = errand.connection, errand.asker
        everybody = await team.members(connection, self._vault)
        mine = next((m for m in everybody if m.address.contact_id == me.contact_id), None)
        found = await self._alert_meant(errand)
        phrases = self._telling.phrases(me)
        if mine is None or found is None or found.taken_by is not None:
            gone = Say(phrases.staff_gone, {"number": found.number if found else errand.due.flow or ""})
            await self._telling.tell(errand, me, gone if found or errand.due.flow else Say(phrases.staff_none))
            return
        if errand.due.session_id is not None and (earlier := await team.alert(connection, errand.due.session_id)):
            await self._close(errand, earlier, mine)
        await team.take(connection, found, me.contact_id, errand.now)
        if found.kind == AlertKind.DRILL:
            await team.close(connection, found, errand.now)
            await self._telling.tell(errand, me, Say(phrases.staff_took_drill, {"number": found.number}))
        elif found.contact_id is None:  # something went wrong, and nobody waits for it
            words = Say(phrases.staff_taken_by, {"name": mine.name, "number": found.number})
            await self._telling.tell(errand, me, words)
        else:
            reached_at = await people.urn_of(connection, self._vault, found.contact_id, found.urn_key)
            address = reached_at.removeprefix("tel:")
            said = await self._last_words(errand, found)
            if await people.has_stopped(connection, found.contact_id):
                call = Say(phrases.staff_stopped, {"number": found.number})
                reached = Say("{number}: {text}", {"number": found.number, "text": address})
                await self._telling.tell(errand, me, call, reached, *said)
            else:
                took = Say(phrases.staff_took, {"number": found.number, "address": address})
                await self._telling.tell(errand, me, took, *said)
                await self._begin_talk(errand, found, mine)
        for other in everybody:
            if other.turn is not None and other.address.contact_id != me.contact_id and found.pages > 1:
                blanks: Blanks = {"name": mine.name, "number": found.number}
                words = Say(self._telling.phrases(other.address).staff_taken_by, blanks)
                await self._telling.tell(errand, other.address, words, kind=MessageClass.REMINDER)

    async def _alert_meant(self, errand: UnderWay) -> OpenAlert | None:
        if errand.due.flow:
            return await team.alert_numbered(errand.connection, int(errand.due.flow))
        waiting = [a for a in await team.called(errand.connection) if a.taken_by is None]
        return await team.alert(errand.connection, waiting[0].id) if waiting else None

    async def _last_words(self, errand: UnderWay, found: OpenAlert) -> list[Say]:
        """What somebody wrote when and since they needed a person: whoever takes over must know."""
        if found.contact_id is None:
            return []
        words = await people.words_since(errand.connection, self._vault, found.contact_id, found.created_at, 3)
        return [Say("{number}: {text}", {"number": found.number, "text": text}) for text in words]

    async def _begin_talk(self, errand: UnderWay, found: OpenAlert, mine: Member) -> None:
        if found.contact_id is None or found.kind not in _TALKED_ABOUT:
            return
        await team.set_handover(errand.connection, found.id, None, found.contact_id, mine.address.contact_id)
        language = await people.language_of(errand.connection, found.contact_id)
        person = Address(found.contact_id, found.urn_key, found.channel, language)
        words = Say(self._telling.phrases(person).handover_taken, {"name": mine.name})
        await self._telling.tell(errand, person, words)
        await self._telling.later(errand, "handover", errand.now + _TALK_ENDS, about=found.id)

    async def _done(self, errand: UnderWay) -> None:
        """Somebody of the team has seen to it."""
        me = errand.asker
        everybody = await team.members(errand.connection, self._vault)
        mine = next((m for m in everybody if m.address.contact_id == me.contact_id), None)
        number = errand.due.flow
        if number:
            found = await team.alert_numbered(errand.connection, int(number))
        else:
            found = await team.alert(errand.connection, errand.due.session_id or 0)
        phrases = self._telling.phrases(me)
        if mine is None or found is None:
            gone = Say(phrases.staff_gone, {"number": number}) if number else Say(phrases.staff_none)
            await self._telling.tell(errand, me, gone)
            return
        await self._close(errand, found, mine)
        await self._telling.tell(errand, me, Say(phrases.staff_done, {"number": found.number}))

    async def _close(self, errand: UnderWay, found: OpenAlert, mine: Member) -> None:
        await team.close(errand.connection, found, errand.now)
        if found.contact_id is not None and found.kind in _TALKED_ABOUT:
            language = await people.language_of(errand.connection, found.contact_id)
            person = Address(found.contact_id, found.urn_key, found.channel, language)
            ended = Say(self._telling.phrases(person).handover_ended, {"name": mine.name})
            await self._telling.tell(errand, person, ended)

    async def _list(self, errand: UnderWay) -> None:
        phrases = self._telling.phrases(errand.asker)
        lines = []
        for found in reversed(await team.called(errand.connection)):
            locale = cldr(self._telling.language(errand.asker))
            at = format_datetime(found.created_at, "EEE HH:mm", tzinfo=self._telling.zone, locale=locale)
            what = _what(phrases, found.kind)
            lines.append(Say(phrases.staff_open, {"number": found.number, "what": what, "time": at}))
        await self._telling.tell(errand, errand.asker, *(lines or [Say(phrases.staff_none)]))

    async def _look_at_talk(self, errand: UnderWay) -> None:
        """Nobody took over, or the talk fell silent: the bot comes back, and says so."""
        found = await team.alert(errand.connection, errand.due.session_id or 0)
        if found is None or found.contact_id is None:
            return
        last = max(filter(None, (found.heard_at, found.taken_at)), default=None)
        if found.taken_by is not None and last is not None:
            if errand.now - last < _TALK_ENDS:
                await self._telling.later(errand, "handover", last + _TALK_ENDS, about=found.id)
                return
            everybody = await team.members(errand.connection, self._vault)
            mine = next((m for m in everybody if m.address.contact_id == found.taken_by), None)
            if mine is not None:
                await self._close(errand, found, mine)
                return
        await team.set_handover(errand.connection, None, found.id)  # the alert stays open, for the call list
        await self._telling.tell(errand, errand.asker, self._telling.phrases(errand.asker).handover_nobody)

    # people

    async def _my_data(self, errand: UnderWay) -> None:
        connection, asker, phrases = errand.connection, errand.asker, self._telling.phrases(errand.asker)
        found = await people.summary(connection, self._vault, asker.contact_id, errand.now)
        if found is None:
            return
        language = self._telling.language(asker)
        lines = [Say(phrases.my_data_head)]
        lines.append(Say(phrases.my_data_language, {"language": self._library.languages[language].name}))
        lines.append(Say(phrases.my_data_since, {"date": found.since.astimezone(self._telling.zone).date()}))
        topics = ", ".join(_topic(phrases, one) for one in found.consents)
        lines.append(Say(phrases.my_data_gets, {"topics": topics}) if topics else Say(phrases.my_data_gets_nothing))
        facts = [told_as(self._library, language, field, value) for field, value in found.facts]
        if facts:
            lines.append(Say(phrases.my_data_about, {"facts": "; ".join(facts)}))
        if (scope := dict(found.facts).get("carer_scope")) and Purpose.CARER in found.consents:
            lines.append(Say(phrases.carer_now, {"scope": scope_words(phrases, Scope(str(scope)))}))
        for booked, event in found.bookings:
            line = phrases.booking_line if booked else phrases.waiting_line
            lines.append(Say(line, blanks_of(event, language, self._telling.zone)))
        lines.append(Say(phrases.my_data_counts, {"answers": found.answers, "messages": found.messages}))
        if self._public_base_url:
            token = self._token()
            await people.put_code(
                connection,
                self._vault,
                self._vault.code(f"file/{token}"),
                CodeKind.FILE,
                asker.contact_id,
                {},
                uses=None,
                expires_at=errand.now + _FILE_WORKS,
                now=errand.now,
            )
            lines.append(Say(phrases.my_data_file, {"link": f"{self._public_base_url}/my-data/{token}"}))
        else:
            lines.append(Say(phrases.my_data_no_file))
        lines.append(Say(phrases.my_data_rights))
        await self._telling.tell(errand, asker, *lines, stopped_too=True)

    async def _say_goodbye(self, errand: UnderWay) -> None:
        """First the reference and goodbye; when it has gone out, everything goes."""
        reference = self._reference()
        everybody = await team.members(errand.connection, self._vault)
        for found in await erasure.close(errand.connection, self._ids, errand.asker.contact_id, errand.now):
            mine = next((m for m in everybody if m.address.contact_id == found.taken_by), None)
            if mine is not None and found.taken_by != errand.asker.contact_id:
                words = Say(self._telling.phrases(mine.address).staff_done, {"number": found.number})
                await self._telling.tell(errand, mine.address, words)
        await self._carers_ended(errand, since=errand.now)
        goodbye = Say(self._telling.phrases(errand.asker).forgotten, {"reference": reference})
        await self._telling.tell(errand, errand.asker, goodbye, stopped_too=True)
        await self._telling.later(errand, "erase_now", errand.now + _GOODBYE_AGAIN, detail=f"{reference} 0")

    async def _erase(self, errand: UnderWay) -> None:
        reference, _, tried = (errand.due.flow or " 0").partition(" ")
        waits = await outbox.unfinished(errand.connection, errand.asker.contact_id)
        if waits and int(tried) < _GOODBYE_TRIES:
            detail = f"{reference} {int(tried) + 1}"
            await self._telling.later(errand, "erase_now", errand.now + _GOODBYE_AGAIN, detail=detail)
            return
        await erasure.erase(errand.connection, self._vault, self._ids, errand.asker.contact_id, reference, errand.now)

    async def _carers_ended(self, errand: UnderWay, since: datetime | None = None) -> None:
        id = errand.asker.contact_id
        for carer_id, nickname in await people.ended_carers(errand.connection, self._vault, id, since):
            if (address := await people.address_of(errand.connection, carer_id)) is not None:
                words = Say(self._telling.phrases(address).carer_ended, {"nickname": nickname})
                await self._telling.tell(errand, address, words)

    async def _join_phones(self, errand: UnderWay) -> None:
        """The phone that sent the code is that other person's as well: they are one."""
        code = await people.code(errand.connection, self._vault, errand.due.session_id or 0)
        if code is None:
            return
        await people.drop_code(errand.connection, code.key)
        other, reference = errand.asker, self._reference()
        if not await merging.merge(
            errand.connection, self._vault, self._ids, other.contact_id, code.contact_id, reference, errand.now
        ):
            return
        language = await people.language_of(errand.connection, code.contact_id)
        joined = Address(code.contact_id, errand.due.urn_key, errand.due.channel, language)
        await self._telling.tell(errand, joined, self._telling.phrases(joined).linked)

    async def _link_carer(self, errand: UnderWay) -> None:
        connection, carer = errand.connection, errand.asker
        code = await people.code(connection, self._vault, errand.due.session_id or 0)
        person = await people.address_of(connection, code.contact_id) if code is not None else None
        if code is None or person is None:
            await self._telling.tell(errand, carer, self._telling.phrases(carer).code_wrong)
            return
        await people.drop_code(connection, code.key)
        scope, nickname = Scope(code.detail["scope"]), code.detail["nickname"]
        await people.link_carer(
            connection, self._vault, self._ids(), person.contact_id, carer.contact_id, scope, nickname, errand.now
        )
        await team.add_role(connection, carer.contact_id, Role.CARER)
        theirs, ours = self._telling.phrases(carer), self._telling.phrases(person)
        blanks: Blanks = {"nickname": nickname, "scope": scope_words(theirs, scope)}
        welcome = [Say(theirs.carer_welcome, blanks)]
        if scope is Scope.ANSWER:
            welcome.append(Say(theirs.carer_how_to_answer, blanks))
        await self._telling.tell(errand, carer, *welcome)
        told = Say(ours.carer_linked, {"scope": scope_words(ours, scope)})
        await self._telling.tell(errand, person, told)

    async def _join_team(self, errand: UnderWay) -> None:
        connection, me = errand.connection, errand.asker
        code = await people.code(connection, self._vault, errand.due.session_id or 0)
        if code is None:
            return
        await people.drop_code(connection, code.key)
        turn = int(code.detail["turn"]) if code.detail.get("turn") else None
        name, role = code.detail["name"], Role(code.detail["role"])
        hours = code.detail.get("hours", "")
        await team.join(connection, self._vault, me.contact_id, name, role, turn, hours, errand.now)
        await self._telling.tell(errand, me, Say(self._telling.phrases(me).staff_welcome, {"name": name}))

    async def _stopped(self, errand: UnderWay) -> None:
        """Who gets no more messages keeps their place at an event to come: somebody calls them. On a shared phone all
        have stopped with one. Who blocked an address is called where they were to be written to there.
        """
        connection, due = errand.connection, errand.due
        blocked = due.urn_key if due.flow == BLOCKED else None
        if blocked is None:
            silent = await people.stopped_on(connection, due.contact_id, due.urn_key)
        else:
            silent = sorted(await people.hold(connection, due.contact_id))
        for contact_id in silent:
            numbers = await places.to_come(connection, contact_id, errand.now, at=blocked)
            if numbers and not await team.is_called_for(connection, STOPPED_BOOKING, contact_id):
                alert = self._ids()
                detail = f"event {', '.join(map(str, numbers[:_NAMED]))}"
                await team.raise_alert(
                    connection, alert, STOPPED_BOOKING, contact_id, detail, due.urn_key, due.channel, errand.now
                )
                await self._telling.later(errand, "page", errand.now, about=alert)


def _what(phrases: Phrases, kind: str) -> str:
    return str(getattr(phrases, f"staff_{kind}", kind))


def _topic(phrases: Phrases, purpose: str) -> str:
    return str(getattr(phrases, "topic_carer" if purpose == Purpose.CARER else f"topic_{purpose}", purpose))
