"""Posters: which words they may have, whom their word and link bring in, and the sheet that is printed."""

from __future__ import annotations

import re
import zlib
from datetime import timedelta
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
import segno

from bot.commands.poster import Source
from bot.poster_words import refusal
from bot.sheet import Sheet, pdf, spoken_number, svg
from config.settings import SettingsError, read_settings
from flows.library import Library
from flows.model import SelectOne
from store import posters
from store.answers import to_export
from store.posters import Poster
from tests.conftest import World
from tests.process import afresh, command, environment

ANA, BEN, CLEO = "tel:+447700900101", "telegram:4711", "tel:+447700900103"
TOKEN = "Yc0Bd9kTq2rW_-hJ4sLxPg"
LINK = f"https://t.me/mime_essex_bot?start={TOKEN}"
SVG = "{http://www.w3.org/2000/svg}"


async def mime(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    return await command(folder, environment(folder, **settings), *words)


async def hung_up(world: World, word: str = "HARWICH", token: str = TOKEN, days: int | None = None) -> bool:
    until = None if days is None else world.clock() + timedelta(days=days)
    poster = Poster(word, "visit", "The Anchor, Harwich", until)
    async with world.app.database.begin() as tx:
        return await posters.add(tx, world.app.vault, poster, token, world.clock())


async def on_the_list(world: World) -> list[Poster]:
    async with world.app.database.read() as tx:
        return await posters.posters(tx, world.app.vault)


# Whom they bring in


@pytest.mark.parametrize(
    ("who", "words"),
    [(ANA, "Harwich"), (ANA, " join HARWICH! "), (BEN, "harwich"), (BEN, f"/start {TOKEN}")],
)
async def test_the_word_and_the_link_start_joining_and_say_how_they_heard_of_us(
    world: World, who: str, words: str
) -> None:
    assert await hung_up(world)
    assert "Shall we send you our short news" in (await world.say(who, words))[0]
    await world.say(who, "yes")
    assert "Which is most like you?" in (await world.say(who, "Ana"))[0]
    (told,) = await world.say(who, "2")
    assert "Thank you. You are on our list." in told
    assert "How did you hear of us?" not in told
    answers = await to_export(world.app.database, world.app.vault, 100)
    heard_from = [(one.value, one.label) for one in answers if one.question == "heard_from"]
    assert heard_from == [("visit", "Someone came to a group of mine")]
    (poster,) = await on_the_list(world)
    assert (poster.by_text, poster.by_link) == ((0, 1) if TOKEN in words else (1, 0))


async def test_a_poster_serves_any_number_of_people(world: World) -> None:
    await hung_up(world)
    for who, words in ((ANA, "HARWICH"), (CLEO, "harwich"), (BEN, f"/start {TOKEN}")):
        assert "short news" in (await world.say(who, words))[0]
    (poster,) = await on_the_list(world)
    assert (poster.word, poster.source, poster.place) == ("HARWICH", "visit", "The Anchor, Harwich")
    assert (poster.by_text, poster.by_link) == (2, 1)


async def test_a_word_in_another_script_is_found_as_people_type_it(world: World) -> None:
    await hung_up(world, "کولچسٹر")
    urdu = world.app.library.flow("joining", "ur")
    assert urdu is not None
    (question, *_) = urdu.asked()
    (told,) = await world.say(ANA, "كولچسٹر")  # with the Arabic letter that many phones have
    assert question.label in told


async def test_a_poster_works_until_its_day_is_over(world: World) -> None:
    await hung_up(world, days=3)
    world.clock.forward(timedelta(days=2, hours=23))
    assert "short news" in (await world.say(ANA, "HARWICH"))[0]
    world.clock.forward(timedelta(hours=1))
    assert "short news" not in (await world.say(CLEO, "HARWICH"))[0]
    assert "short news" not in (await world.say(BEN, f"/start {TOKEN}"))[0]


async def test_a_word_is_on_one_poster_at_a_time(world: World) -> None:
    assert await hung_up(world)
    assert not await hung_up(world, "harwich", "Another-token-of-22-chs")
    async with world.app.database.begin() as tx:
        assert not await posters.remove(tx, world.app.vault, "Clacton")
        assert await posters.remove(tx, world.app.vault, "Harwich")
    assert await on_the_list(world) == []
    assert await world.rows("SELECT key FROM codes") == []
    assert "short news" not in (await world.say(ANA, "HARWICH"))[0]
    assert await hung_up(world)


# Their words


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("help", "the word HELP"), ("Stop", "the word STOP"), ("take part", "the word TAKE PART"),
        ("POMOC", "the word"), ("yes", "a yes or a no"), ("tak", "a yes or a no"), ("nie", "a yes or a no"),
        ("seven", "a number"), ("siedem", "a number"), ("7", "is a number"), ("4821 3377", "is a number"),
        ("polski", "a language's name"), ("اردو", "a language's name"), ("opinion", "starts the questionnaire"),
        ("join harwich", "begins with JOIN"), ("stop news", "a wish to stop"), ("hello", "a greeting"),
        ("kill myself", "in danger"), ("!!", "no letter"), ("A" * 21, "longer than 20"), ("মানুষ", "the word PERSON"),
    ],
)  # fmt: skip
def test_a_word_that_means_something_already_is_refused(word: str, why: str, flows: Library) -> None:
    said = refusal(word, flows)
    assert said is not None
    assert why in said


def test_every_word_that_steers_or_starts_is_refused(flows: Library) -> None:
    taken = {word for words in flows.words.values() for word in (*words.commands, *words.yes_no, *words.languages)}
    taken |= set(flows.starts)
    assert len(taken) > 500
    assert [word for word in sorted(taken) if len(word) <= 20 and refusal(word, flows) is None] == []


@pytest.mark.parametrize("word", ["HARWICH", "Clacton", "GRAYS", "Southend", "Library", "Have your say", "PUB 2"])
def test_the_names_of_places_may_stand_on_posters(word: str, flows: Library) -> None:
    assert refusal(word, flows) is None


def test_the_sources_are_the_answers_to_how_they_heard_of_us(flows: Library) -> None:
    question = flows.flows["joining"].question("heard_from")
    assert isinstance(question, SelectOne)
    assert get_args(Source) == tuple(choice.name for choice in question.choices)


# The sheet

SHEET = Sheet("Harwich", "+447700900000", LINK, "01632 960123")


def drawn(sheet: str) -> list[list[tuple[int, ...]]]:
    """The modules of each code on a sheet, read back from what is drawn."""
    codes = []
    for path in ElementTree.fromstring(sheet).iter(f"{SVG}path"):
        scale = re.search(r"scale\(([\d.]+)\)", path.attrib["transform"])
        assert scale is not None
        size = round(58 / float(scale[1])) - 8  # without four modules of white on each side
        dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path.attrib["d"])}
        assert all(4 <= x < size + 4 and 4 <= y < size + 4 for x, y in dark)
        codes.append([tuple(int((x, y) in dark) for x in range(4, size + 4)) for y in range(4, size + 4)])
    return codes


def written(sheet: str) -> list[str]:
    return [str(text.text) for text in ElementTree.fromstring(sheet).iter(f"{SVG}text")]


def test_the_sheet_says_what_to_do_and_shows_it_as_codes() -> None:
    sheet = svg(SHEET)
    assert written(sheet)[:6] == [
        "Have your say in Essex", "We are MIME. We help people in Essex have their say.",
        "Text", "HARWICH", "to 07700 900000", "or scan one of these",
    ]  # fmt: skip
    assert {"It commits you to nothing.", "Talk to a person: 01632 960123", "In Telegram"} <= set(written(sheet))
    for code, content in zip(drawn(sheet), ("sms:+447700900000?body=HARWICH", LINK), strict=True):
        assert code == [tuple(row) for row in segno.make_qr(content, error="m").matrix]


def test_a_sheet_without_telegram_or_without_a_number_says_nothing_of_it() -> None:
    text, link = svg(Sheet("Harwich", "+447700900000", "")), svg(Sheet("Harwich", "", LINK))
    assert (len(drawn(text)), len(drawn(link))) == (1, 1)
    assert "In Telegram" not in written(text)
    assert not {"HARWICH", "By text message"} & set(written(link))
    assert "phone company" not in link


def test_a_word_of_two_parts_and_of_signs_stands_whole_in_the_code_and_on_the_sheet() -> None:
    sheet = Sheet("Fish & chips", "+447700900000", "")
    assert sheet.text_link() == "sms:+447700900000?body=FISH%20%26%20CHIPS"
    assert "FISH & CHIPS" in written(svg(sheet))


def test_a_number_from_abroad_keeps_its_country() -> None:
    assert spoken_number("+447700900123") == "07700 900123"
    assert spoken_number("+353861234567") == "+353 86 123 4567"
    assert spoken_number("MIME") == "MIME"


def test_the_pdf_is_one_page_of_a4_with_its_fonts_and_words_in_it() -> None:
    made = pdf(SHEET)
    assert made.startswith(b"%PDF-")
    inside = made + b"".join(
        zlib.decompress(stream)
        for stream in re.findall(rb"FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL)
    )
    assert len(re.findall(rb"/Type\s*/Page\b", inside)) == 1
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", inside)
    assert box is not None
    assert [round(float(side) * 25.4 / 72) for side in box.groups()] == [210, 297]
    assert b"/FontFile" in inside
    assert b"pdfuaid" in inside
    assert b"HARWICH" in inside.replace(b"\x00", b"")


# As commands


async def test_a_poster_is_made_listed_and_removed_by_commands(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    assert (await mime(tmp_path, "poster", "list"))[:2] == (0, "There is no poster.\n")
    reached = {"twilio_from": "+447700900000", "telegram_bot_name": "mime_essex_bot"}
    code, out, err = await mime(
        tmp_path, "poster", "add", "--word", "Harwich", "--source", "visit", "--place", "The Anchor, Harwich",
        "--until", "2999-03-01", "--svg", "sheet.svg", "--pdf", "sheet.pdf", **reached,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.startswith("People text HARWICH to 07700 900000.\nIn Telegram: https://t.me/mime_essex_bot?start=")
    link = re.search(r"https://t\.me/\S+", out)
    assert link is not None
    sheet = (tmp_path / "sheet.svg").read_text("utf-8")
    assert drawn(sheet)[1] == [tuple(row) for row in segno.make_qr(link[0], error="m").matrix]
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF-")
    assert (await mime(tmp_path, "poster", "list"))[1] == (
        "HARWICH  visit, The Anchor, Harwich: 0 by text, 0 by Telegram; until 01 Mar 2999\n"
    )
    code, _, err = await mime(tmp_path, "poster", "add", "--word", "HARWICH", "--source", "event")
    assert (code, "is on a poster already" in err) == (1, True)
    assert (await mime(tmp_path, "poster", "remove", "harwich"))[0] == 0
    code, _, err = await mime(tmp_path, "poster", "remove", "harwich")
    assert (code, err) == (1, "there is no poster with the word 'harwich': see mime poster list\n")


async def test_without_a_bot_there_is_no_link_and_without_either_no_sheet(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    given = ("poster", "add", "--word", "Clacton", "--source", "event")
    code, _, err = await mime(tmp_path, *given, "--svg", "sheet.svg")
    assert (code, "MIME_TWILIO_FROM and MIME_TELEGRAM_BOT_NAME are empty" in err) == (1, True)
    code, out, _ = await mime(tmp_path, *given, "--svg", "sheet.svg", twilio_from="+447700900000")
    assert code == 0
    assert "MIME_TELEGRAM_BOT_NAME is empty" in out
    assert len(drawn((tmp_path / "sheet.svg").read_text("utf-8"))) == 1


async def test_a_mistake_is_answered_with_a_sentence_and_makes_no_poster(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    for words, code, says in (
        (("add", "--word", "help", "--source", "visit"), 1, "'HELP' is taken for the word HELP"),
        (("add", "--word", "Harwich", "--source", "visit", "--until", "2020-01-01"), 1, "a day that has passed"),
        (("add", "--word", "Harwich", "--source", "visit", "--place", "x" * 81), 1, "longer than 80"),
        (("add", "--word", "Harwich", "--source", "visit", "--svg", "no/such/folder.svg"), 1, "cannot be written"),
        (("add", "--word", "Harwich", "--source", "gossip"), 2, "Usage"),
        (("add", "--word", "Harwich", "--source", "visit", "--until", "soon"), 2, "Usage"),
        (("add", "--source", "visit"), 2, "Usage"),
    ):
        ended, out, err = await mime(tmp_path, "poster", *words, twilio_from="+447700900000")
        assert (words, ended, out) == (words, code, "")
        assert says in err
        assert "Traceback" not in err
    assert (await mime(tmp_path, "poster", "list"))[1] == "There is no poster.\n"


async def test_without_typst_a_sentence_says_so_and_makes_no_poster(tmp_path: Path) -> None:
    assert (await mime(tmp_path, "migrate"))[0] == 0
    (tmp_path / "typst.py").write_text("raise ModuleNotFoundError")
    env = environment(tmp_path, twilio_from="+447700900000")
    env["PYTHONPATH"] = f"{tmp_path}:{env['PYTHONPATH']}"
    given = ("poster", "add", "--word", "Harwich", "--source", "visit", "--pdf", "sheet.pdf")
    code, out, err = await afresh(tmp_path, env, *given)
    assert (code, out, "Traceback" in err) == (1, "", False)
    assert "make install" in err
    assert (await mime(tmp_path, "poster", "list"))[1] == "There is no poster.\n"


def test_the_bot_s_name_is_taken_with_its_at_sign_and_nothing_else() -> None:
    assert read_settings(None, telegram_bot_name=" @mime_essex_bot ").telegram_bot_name == "mime_essex_bot"
    for wrong in ("t.me/mime_essex_bot", "mime essex", "bot", "4mime_bot"):
        with pytest.raises(SettingsError, match="MIME_TELEGRAM_BOT_NAME"):
            read_settings(None, telegram_bot_name=wrong)
