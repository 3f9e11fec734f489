"""`mime newsletter`: its items, who hears which of them first, the month's issue, and the same on paper."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from bot.app import library, utc_now
from bot.commands import broadcast
from bot.commands.desk import at_the_desk, who
from bot.commands.failing import explained, fail
from bot.commands.newsletter_questions import Interview
from bot.commands.opened import settings_with_key
from bot.events.certificate import NoFont
from bot.news import paper
from bot.news.errands import named
from bot.news.pages import ALPHABET, LENGTH
from bot.sheet import NoTypst
from config.settings import Settings
from domain.broadcast import Broadcast
from domain.event import Event
from domain.newsletter import Item, Owed, first_day, lacking, places_said
from flows.library import SOURCE_LANGUAGE, Library
from flows.newsletter import Issue, month_in
from store import issues, newsletter, sayers
from store.broadcasts.drafts import Post
from store.event_rules import Fault
from store.issues import Wish
from store.newsletter import Kept, Quotable
from store.newsletter_files import ItemFile, as_written, file_of, item_of, read_item
from store.newsletter_rules import ItemRefused, Press

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Short items of news, and what came of what people said."
)

_NO_KEY = "nobody can be written to"
_NEWS_PAGE = "MIME_PUBLIC_BASE_URL is not set: the texts go out without a link to a page. They say all that matters."

Number = Annotated[
    int, typer.Argument(min=1, max=(1 << 31) - 1, metavar="NUMBER", help="Its number: see mime newsletter list.")
]
Month = Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-12.")]
File = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", exists=True, dir_okay=False, help="The item as YAML; without it, you are asked."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of tables and bars.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show who would get it, how it reads, and the price.")]
Test = Annotated[bool, typer.Option("--test", help="Send it to yourself alone: say who you are with --by.")]
Send = Annotated[bool, typer.Option("--send", help="Order it sent; the running program (mime serve) sends it.")]
At = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="When it begins; else at once.")]
Days = Annotated[int, typer.Option(min=1, max=60, help="Spread it over so many days.")]
Without = Annotated[list[str] | None, typer.Option(help="Leave readers of that language out, by its code.")]
By = Annotated[str, typer.Option(help="Who you are, as mime team list names you.")]
In = Annotated[str, typer.Option("--language", help="With --test: in that language, by its code; else in your own.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until every message is prepared.")]


# items


@app.command()
def add(file: File = None) -> None:
    """Add an item, from a file or by answering questions. Nobody is sent anything."""
    settings, flows = _open()
    read: ItemFile | None = None
    if file is not None:
        with explained():
            read = read_item(file)
        item = read.item
    else:
        item = _asked(settings, flows)

    async def act(desk: Post) -> Item:
        async with desk.database.begin() as connection:
            return await newsletter.add(connection, desk.press, desk.ids(), item, utc_now())

    with _said_why(read, "Nothing was added.", item if read is None else None):
        made = at_the_desk(settings, flows, "adding the item", act)
    _show(Kept(made, utc_now()))
    _say_what_lacks([made], flows)
    if made.heard is not None:
        typer.echo(f"To send it first to those who said it: mime newsletter first {made.number} --preview")
    typer.echo(f"To see the whole month: mime newsletter issue {made.month} --preview")


@app.command("list")
def list_items(
    month: Annotated[str, typer.Argument(metavar="[MONTH]", help="Such as 2026-12; without it, all.")] = "",
    plain: Plain = False,
) -> None:
    """Show the items, by their months."""
    settings, flows = _open()
    found = _read(settings, flows, lambda desk: _listing(desk, _month(month) if month else None))
    if not found:
        typer.echo("There is no item. Add one: mime newsletter add")
        return
    rows = [
        (k.item.month, str(k.item.number), _title(k.item), k.item.kind.value.replace("_", " "), _sent(k)) for k in found
    ]
    if plain:
        for of, number, title, kind, sent in rows:
            typer.echo(f"{number}. {of}. {title}. {kind}. {sent}.")
        return
    table = Table("Month", "No.", "Title", "Kind", "Sent")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@app.command()
def show(
    number: Number,
    as_file: Annotated[bool, typer.Option("--file", help="As the YAML file that gives the same item.")] = False,
) -> None:
    """Show an item, who said what it answers, and how many of them were told."""
    settings, flows = _open()
    kept = _found(settings, flows, number)
    if as_file:
        typer.echo(file_of(kept.item), nl=False)
        return
    _show(kept)
    _say_what_lacks([kept.item], flows)

    async def reached(desk: Post) -> tuple[int, tuple[int, int, datetime | None]]:
        said = 0
        if kept.item.heard is not None:
            async with desk.database.hot() as tx:
                search = sayers.search(kept.item.heard, desk.library, desk.quiet.zone)
                said = await sayers.count(tx, desk.vault, search)
        async with desk.database.read() as connection:
            return said, await newsletter.told_of(connection, kept.item.id)

    said, (told, theirs, first) = _read(settings, flows, reached)
    if kept.item.heard is not None:
        typer.echo(f"  Said by {_people(said)}, {theirs} of them told what came of it.")
    if first is not None:
        typer.echo(f"  Told to {_people(told)} in all, since {first.astimezone(settings.quiet.zone):%d %B %Y}.")


@app.command()
def edit(
    number: Number,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", exists=True, dir_okay=False, help="The whole item, as YAML.")
    ] = None,
    to_set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="One thing, such as month=2027-01 or texts.pl.text=..."),
    ] = None,
) -> None:
    """Change an item that was sent to nobody yet."""
    settings, flows = _open()
    if (file is None) == (not to_set):
        fail("give a file with the whole item, or --set FIELD=VALUE, as often as you like")
    kept = _found(settings, flows, number)
    read: ItemFile | None = None
    with _said_why(None, "Nothing was changed."), explained():
        if file is not None:
            read = read_item(file)
            wanted = read.item
        else:
            wanted = item_of(_with(kept.item, to_set or []))

    async def act(desk: Post) -> Item:
        async with desk.database.begin() as connection:
            return await newsletter.change(connection, desk.press, replace(wanted, number=number), utc_now())

    with _said_why(read, "Nothing was changed."):
        changed = at_the_desk(settings, flows, "changing the item", act)
    _show(Kept(changed, kept.made_at))
    _say_what_lacks([changed], flows)


@app.command()
def remove(number: Number) -> None:
    """Take out an item that was sent to nobody yet."""
    settings, flows = _open()

    async def act(desk: Post) -> Item:
        async with desk.database.begin() as connection:
            return await newsletter.remove(connection, number)

    with _said_why(None, "Nothing was changed."):
        gone = at_the_desk(settings, flows, "taking the item out", act)
    typer.echo(f"Item {gone.number} is gone: {_title(gone)}")


# what is sent


@app.command()
def first(
    number: Number,
    preview: Preview = False,
    test: Test = False,
    send: Send = False,
    at: At = None,
    days: Days = 1,
    without: Without = None,
    by: By = "",
    language: In = "",
    yes: Yes = False,
    wait: Wait = False,
    plain: Plain = False,
) -> None:
    """Send an item to those alone who said what it answers, before everybody else hears of it."""
    settings, flows = _open()

    async def draft(desk: Post) -> Broadcast:
        async with desk.database.begin() as connection:
            wish = await _wish(desk, connection, at, days, without, by)
            return await issues.first_to_hear(connection, desk, number, wish, _token(), utc_now())

    kept = _found(settings, flows, number)
    if kept.item.heard is not None:
        typer.echo(f"Item {number} goes to those who said it: {', '.join(places_said(kept.item.heard))}.")
    _go_on(settings, flows, draft, (preview, test, send), by, language, yes=yes, wait=wait, plain=plain)


@app.command()
def issue(
    month: Month,
    preview: Preview = False,
    test: Test = False,
    send: Send = False,
    at: At = None,
    days: Days = 1,
    without: Without = None,
    by: By = "",
    language: In = "",
    yes: Yes = False,
    wait: Wait = False,
    plain: Plain = False,
) -> None:
    """Send the month's newsletter to all who agreed to it; nobody gets an item twice."""
    settings, flows = _open()

    async def draft(desk: Post) -> Broadcast:
        async with desk.database.begin() as connection:
            wish = await _wish(desk, connection, at, days, without, by)
            return await issues.month_s_issue(connection, desk, _month(month), wish, _token(), utc_now())

    _go_on(settings, flows, draft, (preview, test, send), by, language, yes=yes, wait=wait, plain=plain)


def _go_on(
    settings: Settings,
    flows: Library,
    draft: Callable[[Post], Awaitable[Broadcast]],
    wanted: tuple[bool, bool, bool],
    by: str,
    language: str,
    *,
    yes: bool,
    wait: bool,
    plain: bool,
) -> None:
    """What `mime broadcast` does, with the draft of a newsletter."""
    if wanted.count(True) != 1:
        fail("say --preview, --test or --send")
    made = at_the_desk(settings, flows, "making the newsletter", draft)
    typer.echo(f"This is broadcast {made.number}: mime broadcast approve, pause, resume and stop take this number.")
    typer.echo(f"Its page: {settings.public_base_url}/n/{made.token}" if settings.public_base_url else _NEWS_PAGE)
    _, tries, sends = wanted
    if tries:
        broadcast.test(made.number, by=by, language=language)
    elif sends:
        broadcast.send(made.number, yes=yes, wait=wait, plain=plain)
    else:
        broadcast.preview(made.number, plain=plain)


@app.command("print")
def print_issue(
    month: Month,
    language: Annotated[str, typer.Option(help="In that language, by its code.")] = SOURCE_LANGUAGE,
    large: Annotated[bool, typer.Option("--large", help="In large print, of 18 points.")] = False,
    text: Annotated[bool, typer.Option("--text", help="As plain text and no PDF.")] = False,
    output: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Where to write it.")] = None,
) -> None:
    """Write the month's items to a file to be printed, for people without a phone."""
    settings, flows = _open()
    if language not in flows.languages:
        fail(f"{language!r} is no language of ours: give one of {', '.join(sorted(flows.languages))}")

    async def of_month(desk: Post) -> Issue | None:
        async with desk.database.read() as connection:
            return await issues.of_month(connection, desk.press, desk.vault, _month(month))

    found = _read(settings, flows, of_month)
    if found is None:
        fail(f"{month} has no items: mime newsletter add")
    for numbers in lacking(found.items, [language]).values():
        there = ", ".join(map(str, numbers))
        fail(f"no reviewed text in {language} for item {there}: add one that a speaker has read, then print again")
    phrases = flows.phrases[language]
    written: bytes
    if text:
        written = paper.text(found, language, phrases).encode()
    else:
        try:
            turned = flows.languages[language].right_to_left
            written = paper.pdf(found, language, phrases, right_to_left=turned, large=large)
        except (NoTypst, NoFont) as error:
            fail(str(error))
    large_print = "-large" if large and not text else ""
    target = output or Path(f"newsletter-{month}-{language}{large_print}.{'txt' if text else 'pdf'}")
    try:
        target.write_bytes(written)
    except OSError as error:
        fail(f"{target}: cannot be written: {error.strerror}")
    typer.echo(f"{month_in(found.month, SOURCE_LANGUAGE)}, {len(found.items)} items: {target}")


# what must not be forgotten


@app.command()
def owed() -> None:
    """Show where people said what they think three months ago, and nobody has told them what came of it."""
    settings, flows = _open()

    async def act(desk: Post) -> list[Owed]:
        async with desk.database.read() as connection:
            return await issues.owed(connection, desk.press, utc_now())

    found = _read(settings, flows, act)
    for one in found:
        typer.echo(named(one))
    if found:
        typer.echo("Tell them what came of it, also where nothing did: mime newsletter add, kind you_said_we_did.")
    else:
        typer.echo("Everybody who was asked has heard back.")


@app.command()
def quotes(
    questionnaire: Annotated[str, typer.Argument(metavar="QUESTIONNAIRE", help="Such as opening_hours.")],
    event: Annotated[int | None, typer.Option(min=1, help="Only of the form after that event.")] = None,
) -> None:
    """Show what people wrote who agree to be quoted, with the number that an item names as its quote."""
    settings, flows = _open()
    flow = flows.flows.get(questionnaire)
    questions = [] if flow is None else sayers.own_words(flow)
    if not questions:
        fail(f"{questionnaire!r} has no question that people answer in their own words")

    async def act(desk: Post) -> list[Quotable]:
        async with desk.database.read() as connection:
            return await newsletter.quotable(connection, desk.vault, questionnaire, questions, event)

    found = _read(settings, flows, act)
    for one in found:
        typer.echo(f"{one.answer_id} ({one.question}, {one.language}, {one.said_on:%d %B %Y}): {one.words}")
    if found:
        typer.echo("Read it before you quote it: nothing may tell who said it. Then write quote: NUMBER into the item.")
    else:
        typer.echo("Nobody who agrees to be quoted wrote anything there.")


# what they have in common


def _open() -> tuple[Settings, Library]:
    settings = settings_with_key(_NO_KEY)
    with explained():
        return settings, library(settings, drafts=True)


def _read(settings: Settings, flows: Library, act: Callable[[Post], Awaitable[T]]) -> T:
    return at_the_desk(settings, flows, "reading the newsletter", act)


async def _listing(desk: Post, month: str | None) -> list[Kept]:
    async with desk.database.read() as connection:
        return await newsletter.listing(connection, month)


async def _wish(
    desk: Post, connection: Any, at: datetime | None, days: int, without: Sequence[str] | None, by: str
) -> Wish:
    made_by = await who(connection, desk.vault, by)
    send_at = None if at is None else at.replace(tzinfo=desk.quiet.zone)
    return Wish(made_by, send_at, days, frozenset(without or ()))


def _found(settings: Settings, flows: Library, number: int) -> Kept:
    async def act(desk: Post) -> Kept | None:
        async with desk.database.read() as connection:
            return await newsletter.numbered(connection, number)

    found = _read(settings, flows, act)
    if found is None:
        fail(f"there is no item {number}: see mime newsletter list")
    return found


def _month(text: str) -> str:
    try:
        first_day(text)
    except ValueError as error:
        fail(str(error))
    return text


def _token() -> str:
    """What the page of a newsletter is called on the web."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


@contextmanager
def _said_why(file: ItemFile | None, nothing: str, answered: Item | None = None) -> Iterator[None]:
    """Each fault for which the item is refused, then that nothing came of it; what was `answered` as a file."""
    try:
        yield
    except ItemRefused as error:
        typer.echo(str(error if file is None else file.fault(error)), err=True)
        if answered is not None:
            typer.echo(f"\nWhat you answered, to be put right in a file:\n\n{file_of(answered)}", err=True)
        fail(nothing)


def _asked(settings: Settings, flows: Library) -> Item:
    async def all_events(desk: Post) -> dict[int, Event]:
        async with desk.database.read() as connection:
            return await newsletter.all_events(connection)

    async def of_press(desk: Post) -> Press:
        return desk.press

    events = _read(settings, flows, all_events)
    try:
        return Interview(_read(settings, flows, of_press), events, utc_now()).item()
    except typer.Abort:
        fail("\nThe questions were not answered to the end: nothing was added.")


def _with(item: Item, given: Sequence[str]) -> dict[str, Any]:
    """What a file would say, with these fields set anew; one that is set to nothing is left out. Raises ItemRefused."""
    written = as_written(item)
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise ItemRefused(Fault((), f"--set {one}: expected FIELD=VALUE, such as month=2027-01"))
        *path, last = name.strip().split(".")
        inner = written
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ItemRefused(Fault((name,), "it has no fields of its own: set the whole of it"))
        if value.strip():
            inner[last] = value.strip()
        else:
            inner.pop(last, None)
    return written


def _show(kept: Kept) -> None:
    item = kept.item
    typer.echo(f"Item {item.number}, {item.month}, {item.kind.value.replace('_', ' ')}: {_title(item)}")
    for language, words in item.words.items():
        read = f"read by {words.reviewed_by}" if words.reviewed_by else "not reviewed yet"
        typer.echo(f"  {language} ({read}): {words.title}")
        if words.said:
            typer.echo(f"    They said: {words.said}")
        typer.echo(f"    {words.text}")
        if words.more:
            typer.echo(f"    More: {words.more}")
    if item.link:
        typer.echo(f"  Link: {item.link}")
    if item.event is not None:
        typer.echo(f"  About event {item.event}")
    if item.heard is not None:
        typer.echo(f"  Answers what was said in: {', '.join(places_said(item.heard))}")
    if item.quote is not None:
        typer.echo(f"  Quotes the answer {item.quote}, as long as its person agrees")
    if not item.public:
        typer.echo("  Not in the public archive")
    typer.echo(f"  {_sent(kept)}")


def _say_what_lacks(items: Sequence[Item], flows: Library) -> None:
    """Readers of those languages would be left out."""
    wanted = [tag for tag in flows.languages if flows.languages[tag].like is None]
    if tags := list(lacking(items, wanted)):
        typer.echo(f"No reviewed text yet in: {', '.join(tags)}")


def _title(item: Item) -> str:
    words = item.words.get(SOURCE_LANGUAGE)
    return "" if words is None else words.title


def _sent(kept: Kept) -> str:
    if not kept.sent_with:
        return "Sent to nobody yet"
    return f"Sent with broadcast {', '.join(map(str, kept.sent_with))}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
