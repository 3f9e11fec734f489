"""The page of one's own data: all that we keep about somebody, behind a link that only they were sent, for a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import orjson
from babel.dates import format_datetime
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.pages import HEADERS, is_token, show
from domain.code import CodeKind
from domain.contact import Purpose
from domain.event import Texts, text_in
from domain.hours import PreferredHours
from flows.conditions import PREFER_NOT_TO_SAY, Answer
from flows.labels import label as label_of
from flows.labels import told_as
from flows.library import SOURCE_LANGUAGE, Library
from flows.localized import LocalFlow
from flows.model import Date, Hours, Locality, SelectOne, YesNo
from flows.phrases import Phrases
from flows.render import fill, form
from flows.replies import ELSEWHERE
from store import people
from store.database import Database
from store.dossier import ConsentKept, Dossier, FactKept, dossier
from store.times import from_ms, to_ms
from store.vault import Vault

_GONE = "This page is not there any more"

_CHANNELS = {"sms": "by text message", "telegram": "in Telegram", "import": "from a list"}
_SOURCES = {
    "self": "you said it",
    "carer": "your carer said it",
    "import": "it came with a list",
    "team": "our team wrote it down",
}
_ALERTS = {
    "distress": "We were afraid that you might be in danger",
    "person": "You wanted to talk to a person",
    "stuck": "You could not get on by text",
    "low_score": "Your answers sounded hard",
    "call": "You wanted calls and no texts",
    "worried": "You were unsure about a meeting",
    "at_the_door": "You were at the door of a meeting",
    "second_part": "You had a place at a second part, and not at the first",
    "stopped_booking": "You had a place and wanted no more messages",
    "wrong_person": "Somebody said that this number is not yours",
    "not_sent": "A message did not reach you",
    "unreachable": "Nothing that we send reaches you there",
    "parked": "A message of yours could not be handled",
    "stranger": "You sent a word that only our team can use",
}
_CODES = {
    "join": "To join another phone to yours",
    "carer": "For your carer",
    "staff": "To join the team",
    "file": "A link to this page",
    "poster": "A poster",
    "calendar": "Your calendar of events",
    "attendance": "A list of who comes to an event",
    "certificate": "Your certificate of a training",
}
_PLANNED = {
    "flow": "We ask you",
    "wait": "An open question is asked again, or ends",
    "offer": "A free place is offered to you",
    "lapse": "The offer of a place ends",
    "remind": "We remind you of a place",
    "event": "We write about an event",
    "invite": "We invite you to an event",
    "ask_first": "We ask if it is still you, and invite you after your yes",
    "card": "We ask you something",
}
_STATUSES = {
    "booked": "You have a place",
    "waiting": "You wait for a place",
    "offered": "A place is kept for you until you answer",
    "out": "You gave it up",
    "declined": "You said that you cannot come",
    "lapsed": "A place was offered, and we did not hear from you",
}
_CALLS = {
    "reached": "We talked",
    "not_reached": "We did not reach you",
    "booked": "We talked, and you wanted a place",
    "no_more_calls": "You asked us to stop calling",
}
#: The flows that ask why somebody does not come.
_ASK_WHY = ("give_up", "missed")


def routes(
    database: Database, vault: Vault, library: Library, clock: Callable[[], datetime], zone: ZoneInfo
) -> list[BaseRoute]:
    """The page and the file, to be served beside the program's other addresses. Read only."""
    pages = _Pages(database, vault, library, clock, zone)
    return [Route("/my-data/{token}.json", pages.file), Route("/my-data/{token}", pages.page)]


@dataclass(frozen=True, slots=True)
class _Pages:
    database: Database
    vault: Vault
    library: Library
    clock: Callable[[], datetime]
    zone: ZoneInfo

    async def page(self, request: Request) -> Response:
        token = request.path_params["token"]
        if (found := await self._found(token)) is None:
            return self._gone()
        kept, ends_at = found
        told = _Told(self.library, kept, self.library.language(kept.language), self.zone)
        return show(
            "my_data.html",
            tag=told.language,
            direction=told.direction,
            title=told.phrases.my_data_head.rstrip(": "),
            page=told,
            kept=kept,
            token=token,
            ends_at=ends_at,
        )

    async def file(self, request: Request) -> Response:
        if (found := await self._found(request.path_params["token"])) is None:
            return JSONResponse({"error": f"{_GONE}. Send MY DATA again."}, 404, HEADERS)
        content = orjson.dumps(found[0], option=orjson.OPT_INDENT_2)
        name = {"Content-Disposition": 'attachment; filename="my-data.json"'}
        return Response(content, headers=HEADERS | name, media_type="application/json")

    async def _found(self, token: str) -> tuple[Dossier, datetime] | None:
        """Whose link it is, with all that is kept of them, and until when it works; None where it does not."""
        if not is_token(token):
            return None
        now = self.clock()
        async with self.database.read() as connection:
            code = await people.code(connection, self.vault, self.vault.code(f"file/{token}"))
            if code is None or code.kind is not CodeKind.FILE or code.expires_at is None or not code.works(to_ms(now)):
                return None
            kept = await dossier(connection, self.vault, code.contact_id, now)
        return None if kept is None else (kept, from_ms(code.expires_at))

    def _gone(self) -> Response:
        return show("my_data_gone.html", 404, tag=SOURCE_LANGUAGE, direction="ltr", title=_GONE)


@dataclass(frozen=True, slots=True)
class Words:
    """A text and the language it is in, for who has it read aloud."""

    text: str
    language: str
    direction: str


@dataclass(frozen=True, slots=True)
class _Told:
    """What is kept, in words: in the person's language where we have the words in it, and else in English."""

    library: Library
    kept: Dossier
    language: str
    zone: ZoneInfo

    @property
    def phrases(self) -> Phrases:
        return self.library.phrases[self.language]

    @property
    def direction(self) -> str:
        return self._direction(self.language)

    def summary(self) -> Iterator[str]:
        """The lines that the reply to MY DATA begins with."""
        phrases, kept = self.phrases, self.kept
        since = kept.since.astimezone(self.zone).date()
        yield fill(phrases.my_data_language, {"language": self.library.languages[self.language].name}, self.language)
        yield fill(phrases.my_data_since, {"date": since}, self.language)
        topics = ", ".join(self.topic(purpose).text for purpose in kept.consents_now)
        yield fill(phrases.my_data_gets, {"topics": topics}, self.language) if topics else phrases.my_data_gets_nothing

    def when(self, at: datetime) -> str:
        return format_datetime(at, "d MMM y, HH:mm", tzinfo=self.zone, locale="en_GB")

    def hours(self, stored: str) -> str:
        return form(PreferredHours.parse(stored), "en_GB")

    def channel(self, name: str) -> str:
        return _CHANNELS.get(name, name)

    def source(self, name: str) -> str:
        return _SOURCES.get(name, name)

    def alert(self, kind: str) -> str:
        return _ALERTS.get(kind, kind.replace("_", " "))

    def call(self, outcome: str) -> str:
        return _CALLS.get(outcome, outcome.replace("_", " "))

    def code(self, kind: str) -> str:
        return _CODES.get(kind, kind)

    def planned(self, kind: str) -> str:
        return _PLANNED.get(kind, kind.replace("_", " "))

    def called(self, title: Texts) -> Words:
        """An event or opportunity, in the person's language or in English."""
        text = title.get(self.language) or title.get(self.language.partition("-")[0])
        return self._own(text) if text else self._english(text_in(title, SOURCE_LANGUAGE) or "It is gone")

    def status(self, name: str) -> str:
        return _STATUSES.get(name, name)

    def need(self, kind: str) -> str:
        return kind.replace("_", " ")

    def reason(self, value: str) -> Words:
        """Why they do not come, in the words of the question that they chose it from."""
        for id in _ASK_WHY:
            local = self._flow(id)
            match local.question("why") if local is not None else None:
                case SelectOne(choices=choices) if found := [one.label for one in choices if one.name == value]:
                    return self._own(found[0])
        return self._own(value)

    def wish(self, kind: str) -> Words:
        """What they want more of, in the words that they chose it from."""
        return self.answer("events", "wanted", kind, kind.replace("_", " "))

    def place(self, district: str) -> Words:
        return self._own(told_as(self.library, self.language, "district", district))

    def topic(self, purpose: str) -> Words:
        name = "topic_carer" if purpose == Purpose.CARER else f"topic_{purpose}"
        return self._phrase(name, purpose)

    def scope(self, scope: str) -> Words:
        return self._phrase(f"scope_{scope}", scope)

    def yes_or_no(self, given: bool) -> Words:
        return self._own(self.phrases.yes if given else self.phrases.no)

    def title(self, id: str) -> Words:
        """Titles are for the team, and in English only."""
        flow = self.library.flows.get(id)
        return self._english(id if flow is None else flow.title)

    def question(self, flow: str, name: str) -> Words:
        """The question as it stands now; where there is none of that name any more, or it is a score, the name."""
        local = self._flow(flow)
        question = None if local is None else local.question(name)
        return self._english(name.replace("_", " ")) if question is None else self._own(question.label)

    def answer(self, flow: str, name: str, value: Answer, label: str) -> Words:
        """`label` is the answer in English, as it was kept."""
        if value == PREFER_NOT_TO_SAY:
            return self._own(self.phrases.prefer_not_to_say)
        local = self._flow(flow)
        question = None if local is None else local.question(name)
        match question:
            case None:
                return self._english(label)
            case YesNo():
                return self.yes_or_no(value == "yes")
            case Hours():
                return self._own(form(PreferredHours.parse(str(value)), self.language))
            case Date():
                return self._own(form(date.fromisoformat(str(value)), self.language))
            case Locality() if value == ELSEWHERE:
                return self._own(self.phrases.somewhere_else)
            case _:
                assert local is not None
                return self._own(label_of(local, name, value))

    def fact(self, fact: FactKept) -> tuple[Words, Words]:
        """What was asked, and what is kept with the person of it."""
        for flow in self.library.flows.values():
            for question in flow.asked():
                if question.kept == fact.field:
                    return (
                        self.question(flow.id, question.name),
                        self._own(self._fact_said(fact, isinstance(question, YesNo))),
                    )
        return self._english(fact.field.replace("_", " ")), self._english(fact.label)

    def _fact_said(self, fact: FactKept, yes_or_no: bool) -> str:
        if fact.value == PREFER_NOT_TO_SAY:
            return self.phrases.prefer_not_to_say
        if yes_or_no:
            return self.yes_or_no(fact.value == "yes").text
        return told_as(self.library, self.language, fact.field, fact.value)

    def wording(self, consent: ConsentKept) -> Words | None:
        """The very words that they were asked, as far as they still stand so."""
        flow = self.library.flows.get(consent.questionnaire)
        local = self.library.localized.get((consent.questionnaire, consent.language))
        question = None if local is None else local.question(consent.question)
        if flow is None or flow.version != consent.version or question is None:
            return None
        return Words(question.label, consent.language, self._direction(consent.language))

    def where_from(self, consent: ConsentKept) -> str:
        match consent.questionnaire:
            case "command":
                return "By a word that you sent"
            case "import":
                return f"From a list, which says: {consent.question}" if consent.question else "From a list"
            case _:
                return f"Wording: {consent.questionnaire}, version {consent.version}, {consent.question}"

    def _phrase(self, name: str, otherwise: str) -> Words:
        text = getattr(self.phrases, name, None)
        return self._english(otherwise) if text is None else self._own(text)

    def _flow(self, id: str) -> LocalFlow | None:
        return self.library.flow(id, self.language)

    def _own(self, text: str) -> Words:
        return Words(text, self.language, self.direction)

    def _english(self, text: str) -> Words:
        return Words(text, SOURCE_LANGUAGE, "ltr")

    def _direction(self, language: str) -> str:
        return "rtl" if self.library.languages[language].right_to_left else "ltr"
