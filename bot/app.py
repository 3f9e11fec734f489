"""The composition root: settings in, a whole program out. It knows all rooms and decides nothing."""

from __future__ import annotations

import asyncio
import gc
import random
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot import my_data
from bot.channels import telegram as telegram_channel
from bot.channels.base import Channel, SendError
from bot.channels.simulated import Simulated
from bot.channels.telegram import Telegram
from bot.channels.twilio import STOPS_AT, Twilio
from bot.collecting import nothing_to_collect
from bot.conversation import Conversation
from bot.dispatcher import Dispatcher, StoreAway
from bot.errands import KINDS as ERRANDS
from bot.errands import Errands
from bot.events import attendance, calendar, certificate, tasks
from bot.happenings import Happenings
from bot.health import Health
from bot.news import errands as news_errands
from bot.news import pages as news_pages
from bot.outgoing import WORTH_SENDING, ChannelKind
from bot.pace import Pace
from bot.reconciling import Reconciliation
from bot.sender import Sender
from bot.sharing import Sharing
from bot.webhooks import ASGI, Doors
from config.settings import Settings
from domain.broadcast import Terms
from domain.contact import URN
from domain.ids import Ids
from domain.phone import is_mobile
from evaluation.store import EvaluationStore
from flows.library import Library
from flows.loader import load_library
from flows.render import Renderer
from scheduler.export import push
from scheduler.ticker import Ticker, ring_due
from store.broadcasts.drafts import Post
from store.broadcasts.preparing import tend
from store.changes import Due
from store.database import Database
from store.fall_back import fall_back
from store.fires import forget_seen
from store.parts import make_ahead
from store.postgres import make_engine
from store.retention import Periods, tidy
from store.vault import Vault

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parent.parent
#: How each channel shows a question.
KINDS = {"sms": ChannelKind(buttons=False, sms=True), "telegram": ChannelKind(buttons=True, sms=False, files=True)}

Role = Literal["all", "web", "worker"]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class App:
    """Everything that runs, wired. `close` it when done."""

    settings: Settings
    library: Library
    vault: Vault
    database: Database
    evaluation: EvaluationStore
    dispatcher: Dispatcher
    errands: Errands
    senders: list[Sender]
    ticker: Ticker
    clock: Callable[[], datetime]
    ids: Ids
    post: Post
    telegram: Telegram | None = None
    reconciliation: Reconciliation | None = None
    routes: list[BaseRoute] = field(default_factory=list)

    def ring(self, due: Due) -> Awaitable[None]:
        """What is due goes to whom it is for; what is the dispatcher's, into its next batch at once."""
        return self.errands.run(due) if due.kind in ERRANDS else self.dispatcher.submit(due)

    async def close(self) -> None:
        for sender in self.senders:
            await sender.channel.close()
        await self.database.close()
        await self.evaluation.close()


@nothing_to_collect()
def library(settings: Settings, *, drafts: bool | None = None) -> Library:
    """All flows in all languages. Raises FlowError."""
    return load_library(
        ROOT / "flows",
        ROOT / "locales",
        drafts=settings.allow_draft_translations if drafts is None else drafts,
        blanks=settings.numbers,
        distress=ROOT / "config" / "distress",
    )


@nothing_to_collect()
def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    rng: random.Random | None = None,
    simulate: bool = False,
    flows: Library | None = None,
) -> App:
    """Wire the program, inside a running loop. With `simulate`, the phones are in the simulator.

    Raises FlowError for a fault in a flow, ValueError for a secret key that is too short.
    """
    # ids and jitter need no cryptographic randomness, but two processes must not draw alike
    dice = rng or random.Random(secrets.randbits(64))
    flows = flows or library(settings)
    vault = Vault(settings.secret_key.get_secret_value())
    database = Database(settings.database_url)
    ids = Ids(time.time, dice.getrandbits)
    renderer = Renderer(flows.localized.values())
    conversation = Conversation(
        flows,
        ids,
        vault.button,
        vault.code,
        rng.randrange if rng else secrets.randbelow,
        settings.quiet.zone,
        provider_answers_stop={"sms": STOPS_AT} if settings.twilio_on and not simulate else {},
    )
    senders: list[Sender] = []
    process = ids()

    def wake() -> None:
        for sender in senders:
            sender.wake()

    def accepts(urn: URN) -> bool:
        return urn.scheme != "tel" or is_mobile(urn.path, allow_test=settings.allow_test_numbers)

    happenings = Happenings(vault, conversation, renderer, KINDS, settings.quiet, ids, accepts, settings.contact_phone)
    dispatcher = Dispatcher(database, vault, happenings, settings.quiet.zone, ids, clock, on_queued=wake)
    bot = None if simulate or not settings.telegram_on else _telegram(settings)
    reconciliation = None
    for channel in _channels(settings, bot, simulate=simulate):
        if isinstance(channel, Twilio):
            reconciliation = Reconciliation(channel, database, vault, dispatcher.submit)
        pace = Pace(1000) if simulate else pace_of(settings, channel.name)
        sharing = None if simulate else sharing_of(database, channel.name, process, pace)
        senders.append(Sender(channel, database, vault, pace, settings.quiet, ids, clock, dice, sharing))
    desk = post(settings, database, vault, flows, renderer, ids)
    errands = Errands(
        database,
        vault,
        flows,
        renderer,
        KINDS,
        settings.quiet,
        ids,
        clock,
        token=partial(secrets.token_urlsafe, 24),
        reference=partial(_reference, rng.randrange if rng else secrets.randbelow),
        post=desk,
        public_base_url=settings.public_base_url,
        on_queued=wake,
    )
    return App(
        settings,
        flows,
        vault,
        database,
        EvaluationStore(settings.evaluation_database_url, make_engine),
        dispatcher,
        errands,
        senders,
        Ticker(clock),
        clock,
        ids,
        desk,
        bot,
        reconciliation,
    )


def post(
    settings: Settings, database: Database, vault: Vault, flows: Library, renderer: Renderer, ids: Callable[[], int]
) -> Post:
    """What broadcasts are prepared with."""
    return Post(
        database=database,
        vault=vault,
        library=flows,
        renderer=renderer,
        quiet=settings.quiet,
        ids=ids,
        terms=terms(settings),
        numbers=settings.numbers,
        worth=WORTH_SENDING,
        item_segments=settings.newsletter_item_segments,
        public_base_url=settings.public_base_url,
    )


def terms(settings: Settings) -> Terms:
    """What sending costs and takes, and what the project allows."""
    return Terms(
        pence=settings.sms_segment_pence,
        a_second={"sms": settings.sms_segments_per_second, "telegram": settings.telegram_messages_per_second},
        cap=settings.monthly_cap_pence,
        two_people=settings.broadcasts_need_two_people,
    )


def _reference(below: Callable[[int], int]) -> str:
    """What an erasure is called: letters and digits that cannot be taken for one another."""
    return "".join(_LETTERS[below(len(_LETTERS))] for _ in range(8))


_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def _telegram(settings: Settings) -> Telegram:
    return Telegram(settings.telegram_bot_token.get_secret_value(), settings.telegram_api_base)


def _channels(settings: Settings, bot: Telegram | None, *, simulate: bool) -> list[Channel]:
    if simulate:
        return [Simulated(name) for name in KINDS]
    channels: list[Channel] = [] if bot is None else [bot]
    if settings.twilio_on:
        callback = f"{settings.public_base_url}/webhooks/twilio/status" if settings.public_base_url else ""
        channels.append(
            Twilio(
                settings.twilio_account_sid,
                settings.twilio_auth_token.get_secret_value(),
                settings.twilio_api_base,
                from_=settings.twilio_from,
                messaging_service_sid=settings.twilio_messaging_service_sid,
                status_callback=callback,
            )
        )
    return channels


def pace_of(settings: Settings, channel: str) -> Pace:
    """At most how fast that channel sends."""
    if channel == "telegram":
        return Pace(settings.telegram_messages_per_second, settings.telegram_seconds_per_chat)
    return Pace(settings.sms_segments_per_second)


#: Segments of the longest text that Twilio takes (1600 letters of GSM-7): a share of fewer has no room for it.
_LEAST = {"sms": 11}


def sharing_of(database: Database, channel: str, process: int, pace: Pace) -> Sharing | None:
    """How this process shares that pace with others on the same store; on SQLite there are none."""
    return None if database.is_sqlite else Sharing(database, channel, process, pace, _LEAST.get(channel, 1))


def asgi(app: App, *, role: Role) -> ASGI:
    """The web side: webhooks, health, people's own data, and whatever pages were added to `app.routes`."""
    settings = app.settings
    working = role == "all"
    health = Health(
        app.database,
        app.evaluation,
        app.dispatcher,
        app.senders if working else (),
        app.ticker if working else None,
        app.clock,
    )
    own_data = my_data.routes(app.database, app.vault, app.library, app.clock, settings.quiet.zone)
    calendars = calendar.routes(app.database, app.vault, app.clock, settings.quiet.zone, settings.contact_phone)
    lists = attendance.routes(app.database, app.vault, app.ids, app.clock, settings.quiet.zone)
    papers = certificate.routes(app.database, app.vault, app.library, app.clock, settings.quiet.zone)
    news = news_pages.routes(app.database, app.vault, app.post.press, app.clock)
    inner = Starlette(routes=[*health.routes(), *own_data, *calendars, *lists, *papers, *news, *app.routes])
    return Doors(
        app.dispatcher.submit,
        inner,
        telegram_secret=settings.telegram_webhook_secret.get_secret_value() or None if settings.telegram_on else None,
        twilio_token=settings.twilio_auth_token.get_secret_value() if settings.twilio_on else None,
        public_base_url=settings.public_base_url,
        own_numbers=[settings.twilio_from] if settings.twilio_from else (),
    )


class _Server(uvicorn.Server):
    """uvicorn, but the signals are ours: we stop what is behind the doors as well, and in order."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: App, *, host: str, port: int, role: Role = "all", on_ready: Callable[[], None] = lambda: None
) -> None:
    """Run until SIGTERM or SIGINT. Then: no new requests, the batch in hand is finished, the sends under
    way are noted, and it ends. Raises OSError where the port cannot be opened.
    """
    listener = None if role == "worker" else _listen(host, port)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = _Server(
        uvicorn.Config(
            asgi(app, role=role),
            host=host,
            port=port,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        ),
        on_ready,
    )
    settle_down()
    async with _running(app, role):
        if role == "worker":
            on_ready()
            await stopping.wait()
            return
        serving = asyncio.create_task(server.serve(sockets=[listener] if listener else None))
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving


def settle_down() -> None:
    """What a process does once when all is built and the work begins."""
    # Threads hand Python's lock over at most every 50 us instead of 5 ms: SQLite's thread gives it up
    # at every statement, and would wait for a busy event loop to take it back (docs/adr/0005)
    sys.setswitchinterval(0.00005)
    gc.freeze()  # flows, words and modules stay for good: the collector need not look at them again


def _listen(host: str, port: int) -> socket.socket:
    """Bound before anything runs: a taken port is the operator's to mend, and nothing has begun yet."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def _running(app: App, role: Role) -> AsyncIterator[None]:
    """The loops behind the doors. They stop in order: polling, senders, ticker, and last the dispatcher."""
    dispatching = asyncio.create_task(app.dispatcher.run())
    working = role != "web"
    sending: list[asyncio.Task[None]] = []
    other: list[asyncio.Task[None]] = []
    if working:
        for sender in app.senders:
            if app.database.is_sqlite:
                await sender.start_over()
            sending.append(asyncio.create_task(sender.run()))
        _start_ticker(app)
        if app.telegram is not None:
            other.append(asyncio.create_task(_introduce(app, app.telegram)))
            if app.settings.telegram_mode == "polling":
                other.append(asyncio.create_task(_poll(app, app.telegram)))
    try:
        yield
    finally:
        for task in other:
            task.cancel()
        await asyncio.gather(*other, return_exceptions=True)
        for sender in app.senders:
            sender.stop()
        await asyncio.gather(*sending)
        if working:
            app.ticker.stop()
        app.dispatcher.stop()
        await dispatching


def _start_ticker(app: App) -> None:
    app.ticker.every(1, "fires", partial(ring_due, app.database, app.ring))
    app.ticker.every(
        app.settings.export_every_seconds, "export", partial(push, app.database, app.evaluation, app.vault)
    )
    if app.settings.fall_back:
        app.ticker.every(20, "fall-back", partial(_fall_back, app))
    if app.reconciliation is not None:
        app.ticker.every(60, "reconcile", app.reconciliation.tick)
    app.ticker.every(1, "broadcasts", partial(tend, app.post))
    app.ticker.every(3600, "forget-seen", partial(forget_seen, app.database))
    app.ticker.every(3600, "parts", partial(make_ahead, app.database))
    app.ticker.every(24 * 3600, "retention", partial(_tidy, app))
    app.ticker.every(3600, "tasks", partial(tasks.look, app.database, app.vault, app.ids, app.settings.quiet))
    app.ticker.every(3600, "newsletter", partial(_remind_of_news, app))
    app.ticker.start()


async def _remind_of_news(app: App, now: datetime) -> None:
    """Coordinators hear of news that waits, and of people who have not heard back."""
    await news_errands.look(app.database, app.vault, app.ids, app.settings.quiet, app.post.press, now)


async def _fall_back(app: App, now: datetime) -> None:
    """What did not arrive goes to another address of the same person."""
    channels = [sender.channel.name for sender in app.senders]
    receipts = bool(app.settings.public_base_url)
    if queued := await fall_back(app.database, app.vault, app.ids, channels, now, receipts=receipts):
        log.info("messages that did not arrive go another way", messages=queued)
        for sender in app.senders:
            sender.wake()


async def _tidy(app: App, now: datetime) -> None:
    """Delete what has had its time."""
    settings = app.settings
    periods = Periods(
        messages=settings.keep_messages_months,
        sessions=settings.keep_messages_months,
        answers=settings.keep_answers_months,
        alerts=settings.keep_alerts_months,
        silent_people=settings.keep_silent_people_months,
    )
    reference = partial(_reference, secrets.randbelow)
    tidied = await tidy(app.database, app.vault, app.ids, reference, periods, now)
    if tidied.anything:
        log.info("what had its time is deleted", people=tidied.people, blanked=tidied.blanked, **tidied.rows)


async def _introduce(app: App, bot: Telegram) -> None:
    """Set the webhook (or take it away) and the commands; tried again until Telegram is there."""
    settings = app.settings
    webhook = f"{settings.public_base_url}/webhooks/telegram" if settings.telegram_mode == "webhook" else None
    if webhook is not None and not settings.public_base_url:
        log.error("MIME_PUBLIC_BASE_URL is empty: Telegram cannot be told where to bring messages")
        return
    for pause in (0.0, *_PAUSES):
        await asyncio.sleep(pause)
        try:
            await bot.introduce(webhook, settings.telegram_webhook_secret.get_secret_value(), _commands(app))
            return
        except SendError as error:
            log.warning("Telegram is not told of our webhook yet", code=error.code)


_PAUSES: Sequence[float] = (2, 5, 15, 60, 300, 900)


def _commands(app: App) -> dict[str, list[tuple[str, str]]]:
    """The commands that Telegram offers, by language; their words are the phrases'."""
    return {
        tag: [
            ("checkin", app.library.phrases[tag].command_checkin),
            ("events", app.library.phrases[tag].command_events),
            ("bookings", app.library.phrases[tag].command_bookings),
            ("news", app.library.phrases[tag].command_news),
            ("help", app.library.phrases[tag].command_help),
            ("language", app.library.phrases[tag].command_language),
            ("join", app.library.phrases[tag].command_join),
            ("needs", app.library.phrases[tag].command_needs),
            ("carer", app.library.phrases[tag].command_carer),
            ("mydata", app.library.phrases[tag].command_mydata),
            ("stop", app.library.phrases[tag].command_stop),
        ]
        for tag in app.library.spoken
        if app.library.languages[tag].like is None  # Telegram knows no variants: Easy Read would be all of English
    }


async def _poll(app: App, bot: Telegram) -> None:
    """Fetch updates where Telegram cannot reach us. One is asked past only when it is durable."""
    last, failures = 0, 0
    while True:
        try:
            updates = await bot.updates(last)
            for update in updates:
                for durable in [app.dispatcher.submit(fact) for fact in telegram_channel.receive(update)]:
                    await durable
                if (query := telegram_channel.query_id(update)) is not None:
                    await bot.noticed(query)
                last = int(update["update_id"])
            failures = 0
        except (SendError, StoreAway) as error:
            failures = min(failures + 1, len(_PAUSES))
            log.warning("polling failed", error=type(error).__name__)
            await asyncio.sleep(_PAUSES[failures - 1])
