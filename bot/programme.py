"""A programme for the demo, in the weeks to come; its venues are invented, its translations drafts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.app import App
from domain.event import Access, Criterion, Day, Event, EventKind, Venue
from domain.opportunity import Opportunity, OpportunityKind, OpportunityState
from store import events, opportunities
from store.event_rules import EventRefused, known_of

_MONDAY, _TUESDAY, _WEDNESDAY, _THURSDAY, _FRIDAY, _SATURDAY = range(6)
_NORTH = frozenset({"braintree", "chelmsford", "colchester", "maldon", "tendring", "uttlesford"})
_FREE = {
    "en": "It is free.",
    "pl": "To jest za darmo.",
    "ro": "Este gratuit.",
    "ur": "یہ مفت ہے۔",
    "bn": "এটি বিনামূল্যে।",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An event on the first such `weekday` (0 is Monday) that is `in_days` from today or later, `times` times a week
    apart. `after` is the English title of the event that must come before it.
    """

    in_days: int
    weekday: int
    start: time
    end: time
    event: dict[str, Any]
    times: int = 1
    after: str = ""

    @property
    def title(self) -> str:
        return str(self.event["title"]["en"])

    def on(self, today: date, zone: ZoneInfo) -> Event:
        """With its days, as seen from today."""
        earliest = today + timedelta(days=self.in_days)
        first = earliest + timedelta(days=(self.weekday - earliest.weekday()) % 7)
        dates = [first + timedelta(weeks=n) for n in range(self.times)]
        days = tuple(
            Day(*(datetime.combine(date, clock, zone).astimezone(UTC) for clock in (self.start, self.end)))
            for date in dates
        )
        return Event(id=0, number=0, days=days, **{"fee": _FREE, **self.event})


async def add_programme(app: App) -> int:
    """Publish the programme, unless some of it is still to come; how many events were added."""
    now, zone, known = app.clock(), app.settings.quiet.zone, known_of(app.library)
    titles = {sample.title for sample in PROGRAMME}
    numbers: dict[str, int] = {}
    async with app.database.begin() as connection:
        if any(one.event.title.get("en") in titles for one in await events.listing(connection, now)):
            return 0
        for sample in PROGRAMME:
            event = replace(sample.on(now.astimezone(zone).date(), zone), after=numbers.get(sample.after))
            with suppress(EventRefused):  # somebody who tries the demo has an event of their own in that room
                added = await events.add(connection, app.ids(), event, now, known)
                await events.publish(connection, added.id, now, known)
                numbers[sample.title] = added.number
    return len(numbers)


async def add_offers(app: App) -> int:
    """Publish the other ways to take part, unless some are open; how many were added."""
    now, zone, known = app.clock(), app.settings.quiet.zone, known_of(app.library)
    async with app.database.begin() as connection:
        if await opportunities.open_opportunities(connection, now):
            return 0
        for in_days, offer in OFFERS:
            day = (now.astimezone(zone) + timedelta(days=in_days)).date()
            closes_at = datetime.combine(day, time(23, 59), zone)
            one = Opportunity(id=app.ids(), number=0, closes_at=closes_at, state=OpportunityState.PUBLISHED, **offer)
            await opportunities.add(connection, one, now, known)
    return len(OFFERS)


#: What people can put themselves forward for, and in how many days from today it closes.
OFFERS: tuple[tuple[int, dict[str, Any]], ...] = (
    (
        18,
        {
            "kind": OpportunityKind.STAFF_INTERVIEW,
            "title": {
                "en": "Help to choose a new worker",
                "pl": "Pomóż wybrać nowego pracownika",
                "ro": "Ajutați la alegerea unui nou angajat",
                "ur": "نیا کارکن چننے میں مدد کریں",
                "bn": "নতুন কর্মী বাছতে সাহায্য করুন",
            },
            "about": {"en": "You and two others ask questions and say what you think. One morning in Chelmsford."},
            "criteria": (Criterion(name="essex", label={"en": "living in Essex"}),),
            "payment": {"en": "20 pounds an hour and your bus fare. If you get benefits, ask us first: we can help."},
        },
    ),
    (
        32,
        {
            "kind": OpportunityKind.TENDER_PANEL,
            "title": {
                "en": "Help to choose who runs a service",
                "pl": "Pomóż wybrać, kto poprowadzi usługę",
                "ro": "Ajutați la alegerea celor care conduc un serviciu",
                "ur": "سروس کون چلائے، چننے میں مدد کریں",
                "bn": "কে সেবা চালাবে, বাছতে সাহায্য করুন",
            },
            "about": {"en": "Read three short papers with us and meet those who wrote them. Two days in Colchester."},
            "payment": {"en": "20 pounds an hour. We explain all papers, and you can bring someone."},
        },
    ),
)

#: Invented places: no postcode ends in C or V (Royal Mail uses neither there), so these are nobody's.
_DAIRY = Venue(
    name="The Old Dairy Hall",
    address="3 Buttercup Lane, Colchester",
    postcode="CO1 1CV",
    room="Garden Room",
    way={"en": "10 minutes on foot from Colchester Town station. The hall has a blue door."},
    access=frozenset({Access.STEP_FREE, Access.TOILET, Access.QUIET_ROOM, Access.NEAR_BUS}),
    district="colchester",
    cost=6000,
)
_RIVERSIDE = Venue(
    name="Riverside Learning Rooms",
    address="12 Heron Walk, Chelmsford",
    postcode="CM1 1CV",
    room="Room 2",
    way={"en": "Behind the bus station. Take the lift to the first floor."},
    access=frozenset({Access.STEP_FREE, Access.TOILET, Access.HEARING_LOOP, Access.NEAR_BUS}),
    district="chelmsford",
    cost=8000,
)
_WATERMILL = Venue(
    name="Watermill Community Centre",
    address="40 Willow Rise, Harlow",
    postcode="CM20 1CV",
    room="Studio",
    way={"en": "Buses 8 and 10 stop outside. There is a car park."},
    access=frozenset({Access.STEP_FREE, Access.TOILET, Access.PARKING, Access.NEAR_BUS}),
    district="harlow",
    cost=5500,
)
_SEAGULL = Venue(
    name="Seagull House",
    address="7 Lantern Street, Southend-on-Sea",
    postcode="SS1 1CV",
    way={"en": "5 minutes on foot from Southend Central station."},
    access=frozenset({Access.STEP_FREE, Access.TOILET, Access.QUIET_ROOM}),
    district="southend_on_sea",
    cost=7000,
)
_MARKET = Venue(
    name="Clacton market square",
    address="Clacton-on-Sea",
    postcode="CO15 1CV",
    way={"en": "We are beside the clock. Look for the green tent."},
    access=frozenset({Access.STEP_FREE, Access.NEAR_BUS}),
    district="tendring",
)
_CHALK_PIT = Venue(
    name="Chalk Pit Rooms",
    address="21 Orchard Way, Grays",
    postcode="RM17 1CV",
    way={"en": "8 minutes on foot from Grays station. Ring the bell on the left."},
    access=frozenset({Access.TOILET, Access.QUIET_ROOM, Access.PARKING}),
    district="thurrock",
    cost=4000,
)
_LOBSTER_POT = Venue(
    name="The Lobster Pot",
    address="2 Rope Quay, Harwich",
    postcode="CO12 1CV",
    room="Back room",
    way={"en": "A pub by the sea. Go in by the side door: the back room is ours that evening."},
    access=frozenset({Access.STEP_FREE, Access.PARKING}),
    district="tendring",
)
_MAPLE_TREE = Venue(
    name="Maple Tree Centre",
    address="15 Acorn Road, Basildon",
    postcode="SS14 1CV",
    room="Meeting room",
    way={"en": "Opposite the bus station."},
    access=frozenset({Access.STEP_FREE, Access.TOILET, Access.HEARING_LOOP, Access.NEAR_BUS, Access.PARKING}),
    district="basildon",
    cost=3000,
)

PROGRAMME = (
    Sample(
        in_days=9,
        weekday=_TUESDAY,
        start=time(14),
        end=time(16),
        event={
            "kind": EventKind.CONSULTATION,
            "title": {
                "en": "Help to find work or a course: tell us what you think",
                "pl": "Pomoc w znalezieniu pracy lub kursu: powiedz, co myślisz",
                "ro": "Ajutor pentru a găsi un loc de muncă sau un curs: spuneți-ne părerea",
                "ur": "کام یا کورس ڈھونڈنے میں مدد: اپنی رائے دیں",
                "bn": "কাজ বা কোর্স খুঁজতে সাহায্য: আপনার মত জানান",
            },
            "venue": _DAIRY,
            "about": {
                "en": "The help that people get with work and courses in North Essex will change. We ask what helps,"
                " and what gets in the way. We tell those who decide.",
            },
            "welcome": {
                "en": "You need not have had a job. What you know from your own life is what we need.",
                "pl": "Nie trzeba mieć za sobą żadnej pracy. Potrzebujemy tego, co wiesz z własnego życia.",
                "ro": "Nu trebuie să fi avut un loc de muncă. Avem nevoie de ce știți din propria viață.",
            },
            "criteria": (
                Criterion(
                    name="north_essex",
                    label={"en": "living in North Essex"},
                    why={"en": "The help we ask about is for North Essex only."},
                    districts=_NORTH,
                ),
                Criterion(
                    name="cpa",
                    label={"en": "on CPA, or were until not long ago"},
                    why={"en": "This time we ask those who have, or had, a care plan of this kind."},
                ),
                Criterion(
                    name="working_age",
                    label={"en": "of working age, which is 16 to 66"},
                    why={"en": "It is about help to find work."},
                ),
            ),
            "capacity": 12,
            "kept": 2,
            "food": True,
            "languages": ("en", "pl"),
        },
    ),
    Sample(
        in_days=14,
        weekday=_WEDNESDAY,
        start=time(10),
        end=time(15),
        times=4,
        event={
            "kind": EventKind.TRAINING,
            "title": {
                "en": "Asking good questions: four days of research skills",
                "pl": "Jak dobrze pytać: cztery dni o badaniach",
                "ro": "Cum punem întrebări bune: patru zile despre cercetare",
                "ur": "اچھے سوال پوچھنا: تحقیق سیکھنے کے چار دن",
                "bn": "ভালো প্রশ্ন করা: গবেষণা শেখার চার দিন",
            },
            "venue": _RIVERSIDE,
            "about": {
                "en": "Learn to plan a small study, to ask, to listen, and to write down what you found. One day a"
                " week, four weeks. You get a certificate.",
            },
            "welcome": {"en": "No exam, and no need to be good at writing. We go at your speed."},
            "capacity": 10,
            "kept": 1,
            "food": True,
            "languages": ("en",),
            "reminders": (timedelta(weeks=1), timedelta(days=1)),
        },
    ),
    Sample(
        in_days=12,
        weekday=_THURSDAY,
        start=time(10, 30),
        end=time(15),
        event={
            "kind": EventKind.TRAINING,
            "title": {
                "en": "Leading a group, part 1",
                "pl": "Prowadzenie grupy, część 1",
                "ro": "Cum conduci un grup, partea 1",
                "ur": "گروپ کی قیادت، پہلا حصہ",
                "bn": "দল চালানো, ১ম ভাগ",
            },
            "venue": _WATERMILL,
            "about": {"en": "How to open a meeting, to let everybody speak, and to end on time."},
            "welcome": {"en": "If you have ever helped a friend to speak, you have begun already."},
            "capacity": 8,
            "food": True,
            "languages": ("en",),
        },
    ),
    Sample(
        in_days=26,
        weekday=_THURSDAY,
        start=time(10, 30),
        end=time(15),
        after="Leading a group, part 1",
        event={
            "kind": EventKind.TRAINING,
            "title": {
                "en": "Leading a group, part 2",
                "pl": "Prowadzenie grupy, część 2",
                "ro": "Cum conduci un grup, partea 2",
                "ur": "گروپ کی قیادت، دوسرا حصہ",
                "bn": "দল চালানো, ২য় ভাগ",
            },
            "venue": _WATERMILL,
            "about": {
                "en": "You lead a short meeting yourself, and hear what went well. For those who came to part 1."
            },
            "capacity": 8,
            "food": True,
            "languages": ("en",),
        },
    ),
    Sample(
        in_days=7,
        weekday=_MONDAY,
        start=time(11),
        end=time(13),
        event={
            "kind": EventKind.ADVISORY_GROUP,
            "title": {
                "en": "Advisory group: what we do next year",
                "pl": "Grupa doradcza: co robimy w przyszłym roku",
                "ro": "Grupul de sfat: ce facem la anul",
                "ur": "مشاورتی گروپ: اگلے سال کا کام",
                "bn": "পরামর্শ দল: আগামী বছরের কাজ",
            },
            "venue": _MAPLE_TREE,
            "about": {"en": "We look at what came of your ideas, and choose together what comes next."},
            "welcome": {"en": "New faces are welcome. You can just listen the first time."},
            "capacity": 14,
            "kept": 2,
            "food": True,
            "languages": ("en",),
        },
    ),
    Sample(
        in_days=18,
        weekday=_FRIDAY,
        start=time(10),
        end=time(14),
        event={
            "kind": EventKind.TRAINING,
            "title": {
                "en": "Saying what you think: a day for confidence",
                "pl": "Mówić, co się myśli: dzień dla pewności siebie",
                "ro": "Să spui ce gândești: o zi pentru încredere",
                "ur": "اپنی بات کہنا: اعتماد کا ایک دن",
                "bn": "নিজের কথা বলা: আত্মবিশ্বাসের একটি দিন",
            },
            "venue": _SEAGULL,
            "about": {"en": "Small exercises in pairs: how to begin, how to say no, how to be heard in a meeting."},
            "welcome": {"en": "You can sit by the door and take a break at any time."},
            "capacity": 10,
            "kept": 2,
            "food": True,
            "languages": ("en", "bn"),
        },
    ),
    Sample(
        in_days=5,
        weekday=_SATURDAY,
        start=time(10),
        end=time(13),
        event={
            "kind": EventKind.STAND,
            "title": {
                "en": "Our stand at the market: come and say hello",
                "pl": "Nasze stoisko na targu: przyjdź się przywitać",
                "ro": "Standul nostru la piață: veniți să ne salutați",
                "ur": "بازار میں ہمارا اسٹال: آئیں اور ملیں",
                "bn": "বাজারে আমাদের স্টল: এসে দেখা করুন",
            },
            "venue": _MARKET,
            "about": {
                "en": "We talk with people who walk past, so that they think again. Come for an hour, or for all."
            },
            "welcome": {"en": "You need not say anything about yourself. Handing out cups of tea helps too."},
            "food": True,
            "languages": ("en",),
            "reminders": (timedelta(days=1), timedelta(hours=2)),
        },
    ),
    Sample(
        in_days=10,
        weekday=_WEDNESDAY,
        start=time(19),
        end=time(21),
        event={
            "kind": EventKind.VISIT,
            "title": {
                "en": "An evening with us in Harwich",
                "pl": "Wieczór z nami w Harwich",
                "ro": "O seară cu noi în Harwich",
                "ur": "ہاروچ میں ہمارے ساتھ ایک شام",
                "bn": "হারউইচে আমাদের সঙ্গে এক সন্ধ্যা",
            },
            "venue": _LOBSTER_POT,
            "about": {"en": "We come to you. Have a soft drink and some chips on us, and ask us anything."},
            "welcome": {"en": "Bring a friend. You can go home when you like."},
            "capacity": 16,
            "kept": 4,
            "food": True,
            "languages": ("en",),
        },
    ),
    Sample(
        in_days=21,
        weekday=_TUESDAY,
        start=time(13),
        end=time(15, 30),
        event={
            "kind": EventKind.WORKSHOP,
            "title": {
                "en": "Helping one another: a workshop",
                "pl": "Pomagamy sobie nawzajem: warsztat",
                "ro": "Ne ajutăm unii pe alții: un atelier",
                "ur": "ایک دوسرے کی مدد: ایک ورکشاپ",
                "bn": "একে অন্যের পাশে: একটি কর্মশালা",
            },
            "venue": _CHALK_PIT,
            "about": {"en": "What helps when a friend has a bad week? We share what works, and try it out."},
            "welcome": {"en": "Carers are welcome as well."},
            "capacity": 12,
            "kept": 3,
            "food": True,
            "languages": ("en", "ur"),
        },
    ),
)
