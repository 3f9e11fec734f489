"""`mime broadcast`: write to many at once: preview it with its price, try it on yourself, send, pause, resume, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
import yaml
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import library, terms, utc_now
from bot.commands.desk import at_the_desk as _act
from bot.commands.desk import refuse as _refuse
from bot.commands.desk import refused as _refused
from bot.commands.desk import who as _who
from bot.commands.failing import at_the_stores, explained, fail
from bot.commands.opened import at_the_store, settings_with_key
from config.settings import Settings
from domain.broadcast import LEFT_OUT, Broadcast, BroadcastRefused, BroadcastState, Wording, pounds
from domain.contact import Purpose
from domain.message import MessageClass, Status
from domain.segment import Names, Segment, segment_of, sentence
from flows.library import SOURCE_LANGUAGE, Library
from store.broadcasts import course, drafts, previews, segments
from store.broadcasts.course import Progress
from store.broadcasts.drafts import Kept, Post
from store.broadcasts.previews import Foreseen
from store.vault import Vault
from store.vocabulary import names_of

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Write to many at once, and see the price before.")

_NO_KEY = "nobody can be written to"
_PAUSE = 0.5  # seconds between two looks at how far it is

Number = Annotated[
    int, typer.Argument(min=1, max=(1 << 31) - 1, metavar="NUMBER", help="Its number: see mime broadcast list.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of tables and bars.")]
By = Annotated[str, typer.Option(help="Who you are, as mime team list names you.")]
Several = list[str] | None
Named = Annotated[str, typer.Option("--name", help="What it is, in a few words for the team.")]
Says = Annotated[str, typer.Option("--text", help="What it says, in English.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="YAML with texts by language (text, reviewed_by), and the segment, if not given here.",
    ),
]
Saved = Annotated[str, typer.Option("--segment", help="The name of a saved segment.")]
ToSave = Annotated[str, typer.Option("--save-segment", help="Save whom it is for under that name.")]
District = Annotated[Several, typer.Option("--district", help="Only people there. Again for one more.")]
Reading = Annotated[Several, typer.Option("--language", help="Only people who read it. Again for one more.")]
Group = Annotated[Several, typer.Option("--group", help="Only people whom it fits. Again for one more.")]
Interest = Annotated[Several, typer.Option("--interest", help="Only people who want it. Again for one more.")]
InRole = Annotated[Several, typer.Option("--role", help="Only facilitators, coordinators or carers.")]
CameTo = Annotated[Several, typer.Option("--came-to", help="Only people who came to such an event.")]
NotComeTo = Annotated[Several, typer.Option("--not-come-to", help="Only people who never came to such an event.")]
Newcomers = Annotated[bool, typer.Option("--newcomers", help="Only people who never came to anything.")]
Kinds = Literal["anybody", "members", "carers"]
Moment = Annotated[datetime | None, typer.Option("--at", formats=["%Y-%m-%dT%H:%M"], help="When it begins.")]
Without = Annotated[Several, typer.Option("--without", help="Leave readers of that language out, by its code.")]


@app.command()
def new(
    name: Named,
    text: Says = "",
    file: File = None,
    event: Annotated[int | None, typer.Option(min=1, help="Invite to the event of that number instead.")] = None,
    kind: Annotated[Literal["invitation", "news"], typer.Option(help="News goes to those who agreed to it.")] = (
        "invitation"
    ),
    segment: Saved = "",
    save_segment: ToSave = "",
    district: District = None,
    language: Reading = None,
    group: Group = None,
    interest: Interest = None,
    role: InRole = None,
    came_to: CameTo = None,
    not_come_to: NotComeTo = None,
    newcomers: Newcomers = False,
    people: Annotated[Kinds, typer.Option(help="Only members, or carers.")] = "anybody",
    at: Moment = None,
    days: Annotated[int, typer.Option(min=1, max=60, help="Spread it over so many days.")] = 1,
    without: Without = None,
    by: By = "",
) -> None:
    """Make a draft. Nobody is sent anything."""
    settings = settings_with_key(_NO_KEY)
    flows = _library(settings)
    written = _written(file)
    chosen = _chosen(district, language, group, interest, role, came_to, not_come_to, newcomers)
    chosen |= {"people": people} if people != "anybody" else {}
    purpose = Purpose.NEWSLETTER if kind == "news" else Purpose.INVITATIONS
    with _refused():
        consent = "news" if kind == "news" else "invitations"
        meant = segment_of({**(written.get("segment") or {}), "consent": consent, **chosen}, _names(flows))
    texts = _texts(written.get("texts"), text)

    async def make(desk: Post) -> Broadcast:
        async with desk.database.begin() as connection:
            whom = replace(await _saved(connection, segment), consent=purpose) if segment else meant
            draft = Broadcast(
                id=0,
                number=0,  # the store gives it
                name=" ".join(name.split()),
                segment=whom,
                texts=texts,
                event=event,
                message_class=MessageClass.NEWSLETTER if kind == "news" else MessageClass.INVITATION,
                send_at=None if at is None else at.replace(tzinfo=settings.quiet.zone),
                days=days,
                without=frozenset(without or ()),
            )
            if save_segment:
                await segments.save(connection, desk.ids(), save_segment, whom, utc_now())
            return await drafts.add(connection, desk, draft, await _who(connection, desk.vault, by), utc_now())

    made = _act(settings, flows, "making the broadcast", make)
    typer.echo(f"Broadcast {made.number}: {sentence(made.segment, _names(flows))}.")
    typer.echo(f"It is a draft. Who would get it, and at what price: mime broadcast preview {made.number}")


@app.command()
def edit(
    number: Number,
    name: Named = "",
    text: Says = "",
    file: File = None,
    event: Annotated[int | None, typer.Option(min=1, help="Invite to that event, and say no text.")] = None,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="Forget whom it was for, before what else is said here.")
    ] = False,
    segment: Saved = "",
    save_segment: ToSave = "",
    district: District = None,
    language: Reading = None,
    group: Group = None,
    interest: Interest = None,
    role: InRole = None,
    came_to: CameTo = None,
    not_come_to: NotComeTo = None,
    newcomers: Newcomers = False,
    people: Annotated[Kinds | None, typer.Option(help="Anybody, or only members or carers.")] = None,
    at: Moment = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="Begin as soon as it is sent, at no other time.")] = False,
    days: Annotated[int | None, typer.Option(min=1, max=60, help="Spread it over so many days.")] = None,
    without: Without = None,
) -> None:
    """Change a draft: only what is given here becomes different. Not what is approved or sent already."""
    settings = settings_with_key(_NO_KEY)
    flows = _library(settings)
    written = _written(file)
    chosen = _chosen(district, language, group, interest, role, came_to, not_come_to, newcomers)
    chosen |= {"people": people} if people is not None else {}
    texts = _texts(written.get("texts"), text)
    if event is not None and texts:
        fail("give either a text or --event: an invitation to an event has the words of the booking")
    if at is not None and at_once:
        fail("give either --at or --at-once")
    if segment and everybody:
        fail("give either --segment or --everybody")

    async def act(desk: Post) -> Broadcast:
        async with desk.database.begin() as connection:
            was = (await drafts.changeable(connection, number)).broadcast
            before = Segment() if everybody else await _saved(connection, segment) if segment else was.segment
            whom = segment_of({**(written.get("segment") or {}), **chosen}, _names(flows), before)
            wanted = replace(
                was,
                name=" ".join(name.split()) or was.name,
                segment=replace(whom, consent=was.segment.consent),
                texts={} if event is not None else {**was.texts, **texts},
                event=event if event is not None else None if texts else was.event,
                send_at=None if at_once else was.send_at if at is None else at.replace(tzinfo=settings.quiet.zone),
                days=days or was.days,
                without=was.without if without is None else frozenset(without),
            )
            if wanted == was:
                raise BroadcastRefused("nothing would be different: say what shall change (mime broadcast edit --help)")
            if save_segment:
                await segments.save(connection, desk.ids(), save_segment, wanted.segment, utc_now())
            return await drafts.change(connection, desk, wanted, utc_now())

    made = _act(settings, flows, "changing the broadcast", act)
    typer.echo(f"Broadcast {number} is changed: {sentence(made.segment, _names(flows))}.")
    typer.echo(f"Who would get it now, and at what price: mime broadcast preview {number}")


@app.command()
def preview(number: Number, plain: Plain = False) -> None:
    """Show exactly who would get it, what they would see, and the price."""
    settings = settings_with_key(_NO_KEY)
    flows = _library(settings)
    found = _act(settings, flows, "the preview", lambda desk: _foreseen(desk, number, plain=plain))
    _show(flows, found, plain=plain)
    for line in found.stops:
        typer.echo(f"Before it can be sent: {line}")


@app.command()
def test(
    number: Number,
    by: Annotated[str, typer.Option(help="Who you are, as mime team list names you: it goes to you alone.")],
    language: Annotated[str, typer.Option(help="In that language, by its code; else in your own.")] = "",
) -> None:
    """Send it to yourself first."""
    settings = settings_with_key(_NO_KEY)

    async def act(desk: Post) -> None:
        async with desk.database.begin() as connection:
            who = await _who(connection, desk.vault, by)
            if who is None:
                raise BroadcastRefused("--by is missing: it goes to you alone")
            await course.try_out(connection, desk, number, who, language or None, utc_now())

    _act(settings, _library(settings), "the test", act)
    typer.echo("It is on its way to you, and to nobody else.")


@app.command()
def approve(number: Number, by: By = "") -> None:
    """Say that it may be sent. Where the project wants a second person, that is somebody who did not make it."""
    settings = settings_with_key(_NO_KEY)

    async def act(connection: AsyncConnection, vault: Vault) -> None:
        await drafts.approve(connection, terms(settings), number, await _who(connection, vault, by))

    with _refused(), at_the_stores("approving the broadcast"):
        at_the_store(settings, act)
    typer.echo(f"Broadcast {number} is approved: mime broadcast send {number}")


@app.command()
def send(
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until every message is prepared.")] = False,
    plain: Plain = False,
) -> None:
    """Order it sent; the running program (mime serve) sends it."""
    settings = settings_with_key(_NO_KEY)
    flows = _library(settings)
    found = _act(settings, flows, "the preview", lambda desk: _foreseen(desk, number, plain=plain))
    _show(flows, found, plain=plain)
    if found.stops:
        _refuse(found.stops, "Nothing was sent.")
    if not yes:
        _agree(f"{_people(found.ahead.people)} will get it, for about {pounds(found.pence)}. Send it?")
    begun = _act(settings, flows, "sending the broadcast", lambda desk: course.start(desk, number, utc_now()))
    typer.echo(f"Broadcast {number} is ordered for {_people(begun.people)}. To stop it: mime broadcast stop {number}")
    if wait:
        _act(settings, flows, "waiting for the broadcast", lambda desk: _watch(desk, number, plain=plain))


@app.command()
def pause(number: Number) -> None:
    """Send no more of it for now."""
    settings = settings_with_key(_NO_KEY)

    with _refused(), at_the_stores("pausing the broadcast"):
        at_the_store(settings, lambda connection, _: course.pause(connection, number))
    typer.echo(f"Broadcast {number} is paused: mime broadcast resume {number}")


@app.command()
def resume(number: Number) -> None:
    """Go on with one that is paused."""
    settings = settings_with_key(_NO_KEY)
    _act(settings, _library(settings), "resuming", lambda desk: course.resume(desk, number, utc_now()))
    typer.echo(f"Broadcast {number} goes on.")


@app.command()
def stop(
    number: Number, yes: Annotated[bool, typer.Option("--yes", help="Do not ask before stopping.")] = False
) -> None:
    """End it for good: what has not gone out never will."""
    settings = settings_with_key(_NO_KEY)
    if not yes:
        _agree(f"Broadcast {number} cannot be begun again. Stop it?")

    with _refused(), at_the_stores("stopping the broadcast"):
        held_back = at_the_store(settings, lambda connection, _: course.stop(connection, number, utc_now()))
    typer.echo(f"Broadcast {number} is stopped; {_people(held_back)} who waited for it will get nothing.")


@app.command("list")
def list_broadcasts() -> None:
    """Show each broadcast and how far it is."""
    settings = settings_with_key(_NO_KEY)

    with at_the_stores("reading the broadcasts"):
        found = at_the_store(settings, lambda connection, _: drafts.listing(connection))
    for kept in found:
        typer.echo(_line(kept))
    if not found:
        typer.echo("There is no broadcast.")


@app.command()
def show(
    number: Number,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until every message is prepared.")] = False,
    plain: Plain = False,
) -> None:
    """Show whom it is for, what it says, and how far it is."""
    settings = settings_with_key(_NO_KEY)
    flows = _library(settings)
    if wait:
        _act(settings, flows, "waiting for the broadcast", lambda desk: _watch(desk, number, plain=plain))
    found = _act(settings, flows, "reading the broadcast", lambda desk: _progress(desk, number))
    broadcast = found.kept.broadcast
    typer.echo(_line(found.kept))
    typer.echo(f"{sentence(broadcast.segment, _names(flows))}.")
    for tag, wording in broadcast.texts.items():
        read = f"read by {wording.reviewed_by}" if wording.reviewed_by else "not reviewed yet"
        typer.echo(f"{tag} ({read}): {wording.text}")
    if broadcast.items:
        typer.echo(
            f"It is made of {len(broadcast.items)} items of the newsletter: mime newsletter list {broadcast.month}"
        )
    for status in Status:
        if n := found.messages[status]:
            typer.echo(f"{status.value}: {n}")
    if found.waiting:
        typer.echo(f"invitations that wait for their hour: {found.waiting}")
    if found.unsure:
        typer.echo(f"asked first whether it is still them: {found.unsure}")
    if found.segments:
        typer.echo(f"paid: {found.segments} segments, about {pounds(terms(settings).price(found.segments))}")


# what they have in common


def _library(settings: Settings) -> Library:
    with explained():
        return library(settings)


def _names(flows: Library) -> Names:
    return names_of(flows, utc_now().date())


def _chosen(
    district: Several,
    language: Several,
    group: Several,
    interest: Several,
    role: Several,
    came_to: Several,
    not_come_to: Several,
    newcomers: bool,
) -> dict[str, Any]:
    """The fields of a segment that options name."""
    given: dict[str, Any] = {
        "districts": district,
        "languages": language,
        "groups": group,
        "interests": interest,
        "roles": role,
        "came_to": came_to,
        "not_come_to": not_come_to,
        "newcomers": newcomers or None,
    }
    return {field: value for field, value in given.items() if value}


async def _saved(connection: AsyncConnection, name: str) -> Segment:
    """The segment that is saved under that name. Raises BroadcastRefused."""
    saved = await segments.saved(connection)
    if name not in saved:
        raise BroadcastRefused(f"there is no segment {name!r}: {', '.join(saved) or 'none is saved'}")
    return saved[name]


def _written(file: Path | None) -> Mapping[str, Any]:
    """What a file says; the end of the command where it is no mapping of texts and a segment."""
    if file is None:
        return {}
    try:
        written = yaml.safe_load(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        fail(f"{file}: it is not in UTF-8: save it so")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f":{mark.line + 1}"
        fail(
            f"{file}{where}: it cannot be read as YAML: {getattr(error, 'problem', None) or 'look at the indentation'}"
        )
    if not isinstance(written, Mapping) or not written.keys() <= {"texts", "segment"}:
        fail(f"{file}: expected the fields texts and segment, and no others")
    if not isinstance(written.get("segment") or {}, Mapping):
        fail(f"{file}: segment: expected fields with names, such as 'districts: [Tendring]'")
    return written


def _texts(written: object, english: str) -> dict[str, Wording]:
    """The texts of a file and of the command line. The team reads its own English: it needs no other reviewer."""
    written = written or {}
    if not isinstance(written, Mapping):
        fail("texts: expected languages with their texts, such as 'en: Come and see us'")
    texts: dict[str, Wording] = {}
    for tag, given in written.items():
        if isinstance(given, str):
            given = {"text": given}
        if not isinstance(given, Mapping) or not all(isinstance(one, str) for one in given.values()):
            fail(f"texts: {tag}: expected a text, or text and reviewed_by")
        if not given.keys() <= {"text", "reviewed_by"}:
            fail(f"texts: {tag}: there are text and reviewed_by, and no other fields")
        texts[str(tag)] = Wording(given.get("text", "").strip(), given.get("reviewed_by", "").strip())
    if english:
        texts[SOURCE_LANGUAGE] = Wording(english.strip())
    return {
        tag: replace(one, reviewed_by=one.reviewed_by or "the team") if tag == SOURCE_LANGUAGE else one
        for tag, one in texts.items()
    }


async def _foreseen(desk: Post, number: int, *, plain: bool) -> Foreseen:
    async with desk.database.read() as connection:
        total = await previews.everybody(connection)
    with _bar("Looking at everybody", total, plain=plain) as looked:
        return await previews.foresee(desk, number, utc_now(), looked)


async def _progress(desk: Post, number: int) -> Progress:
    async with desk.database.read() as connection:
        found = await course.progress(connection, number)
    if found is None:
        raise BroadcastRefused(f"there is no broadcast {number}: see mime broadcast list")
    return found


async def _watch(desk: Post, number: int, *, plain: bool) -> None:
    """Until the running program has prepared everything, or it goes on no more."""
    found = await _progress(desk, number)
    with _bar("Preparing", found.kept.people, plain=plain) as looked:
        while found.kept.broadcast.state is BroadcastState.SENDING and not found.kept.prepared:
            looked(found.kept.queued)
            await asyncio.sleep(_PAUSE)
            found = await _progress(desk, number)
        looked(found.kept.queued)


@contextmanager
def _bar(title: str, total: int, *, plain: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, or with `plain` a line at each tenth."""
    if plain:
        tenths = set()

        def line(done: int) -> None:
            tenth = 10 * done // max(total, 1)
            if tenth not in tenths:
                tenths.add(tenth)
                typer.echo(f"{title}: {done} of {total}", err=True)

        yield line
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def _show(flows: Library, found: Foreseen, *, plain: bool) -> None:
    ahead, price = found.ahead, found.terms.price
    whom = sentence(found.kept.broadcast.segment, _names(flows))
    typer.echo(f"{whom}: {_people(ahead.meant)}, {ahead.people} of them get it.")
    rows = [
        (flows.languages[tag].english_name, channel, tally) for (tag, channel), tally in sorted(ahead.tallies.items())
    ]
    if plain:
        for language, channel, tally in rows:
            typer.echo(f"{language} by {channel}: {_people(tally.people)}, {tally.segments} segments")
    else:
        table = Table("Language", "Channel", "People", "Segments", "Price")
        for language, channel, tally in rows:
            counted = pounds(price(tally.segments))
            table.add_row(language, channel, str(tally.people), str(tally.segments), counted)
        Console().print(table)
    for language, channel, tally in rows:
        typer.echo(f"{language} by {channel}, the first of them gets:\n{tally.shown}\n")
    for reason, n in ahead.left_out.most_common():
        typer.echo(f"Left out: {n} {LEFT_OUT[reason]}.")
    if ahead.silent:
        typer.echo(f"{ahead.silent} of them get only a word that something waits: others may see their phone.")
    if ahead.astray:
        typer.echo(
            f"{_people(ahead.astray)} of them have been silent for over half a year: they are asked first whether they"
            " are still the right person, and get it after their yes."
        )
    typer.echo(f"{ahead.segments} SMS segments, about {pounds(found.pence)}.")


def _line(kept: Kept) -> str:
    one = kept.broadcast
    told = f"{one.number}  {one.name}: {one.state.value}"
    if kept.started_at is not None:
        told += f", {kept.queued} of {kept.people} prepared"
    return f"{told}; {kept.why}" if kept.why else told


def _agree(question: str) -> None:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:  # nobody is there to be asked, or they left
        typer.echo("\nSay --yes to go on without being asked.", err=True)
        agreed = False
    if not agreed:
        fail("Nothing was changed.")


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
