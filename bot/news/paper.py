"""A newsletter on paper, for people without a phone: a PDF that a screen reader can read (PDF/UA-1), or plain text."""

from __future__ import annotations

import importlib
from typing import Any

import orjson

from bot.events.certificate import NoFont, printable
from bot.sheet import NoTypst
from flows.newsletter import Issue, Shown
from flows.phrases import Phrases
from flows.texts import with_blanks

#: Of one text; what an item may say is shorter.
_LONGEST = 3000
#: The RNIB's Clear Print guidelines ask for 12 points at least, and 16 to 18 in large print.
_POINTS, _LARGE_POINTS = 12, 18


def lines(issue: Issue, language: str, phrases: Phrases) -> list[tuple[str, list[str]]]:
    """What stands on it: the title of each item, and its lines."""
    return [
        (shown.title, list(_lines(shown, phrases))) for shown in (issue.shown(one, language) for one in issue.items)
    ]


def _lines(shown: Shown, phrases: Phrases) -> list[str]:
    found = []
    if shown.said:
        found += with_blanks(phrases.news_others, {"said": shown.said, "text": shown.text}).split("\n")
    else:
        found.append(shown.text)
    if shown.quote:
        found += [phrases.news_quote, shown.quote]
    if shown.more:
        found.append(shown.more)
    if shown.when:
        found += with_blanks(phrases.news_event, {"when": shown.when, "place": shown.place}).split("\n")
    if shown.link:
        found.append(with_blanks(phrases.news_link, {"link": shown.link}))
    return found


def text(issue: Issue, language: str, phrases: Phrases) -> str:
    """As plain text, with lines of any length."""
    head = issue.head(language, phrases)
    parts = ["\n".join([title, *told]) for title, told in lines(issue, language, phrases)]
    return "\n\n".join(filter(None, [head, *parts, phrases.news_call])) + "\n"


def pdf(issue: Issue, language: str, phrases: Phrases, *, right_to_left: bool = False, large: bool = False) -> bytes:
    """As pages of A4. Raises NoTypst and NoFont."""
    try:
        typst: Any = importlib.import_module("typst")
    except ModuleNotFoundError as error:
        raise NoTypst("a PDF needs Typst, which make install brings; or take --text and print that") from error
    items = [
        {"title": printable(title, _LONGEST), "lines": [printable(one, _LONGEST) for one in told]}
        for title, told in lines(issue, language, phrases)
    ]
    # all that people wrote is handed over as data: nothing of it is ever read as Typst
    given = {
        "head": printable(issue.head(language, phrases), _LONGEST),
        "language": language.partition("-")[0],
        "direction": "rtl" if right_to_left else "ltr",
        "points": str(_LARGE_POINTS if large else _POINTS),
        "items": orjson.dumps(items).decode(),
        "call": phrases.news_call,
    }
    try:
        made: bytes = typst.compile(_PAGE.encode(), format="pdf", sys_inputs=given, pdf_standards="ua-1")
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise
        raise NoFont("no font here has all letters of this newsletter: install the fonts-noto packages") from None
    return made


#: PDF/UA-1: a title, a language, headings in order, and tags, which Typst makes of these.
_PAGE = """
#let points = int(sys.inputs.points) * 1pt
#set document(title: sys.inputs.head, author: "MIME", date: none)
#set page(paper: "a4", margin: 22mm, numbering: "1")
#let fonts = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Bengali", "DejaVu Sans", "Liberation Sans")
#let direction = if sys.inputs.direction == "rtl" { rtl } else { ltr }
#set text(lang: sys.inputs.language, dir: direction, size: points, font: fonts, hyphenate: false)
#set par(leading: 0.8em, spacing: 1em, justify: false)
#show title: set text(size: points * 1.6)
#show heading: set text(size: points * 1.25)
#show heading: set block(above: 1.8em, below: 0.8em, sticky: true)
#title()
#for item in json(bytes(sys.inputs.items)) {
  heading(level: 1, item.title)
  for line in item.lines { par(line) }
}
#if sys.inputs.call != "" { block(above: 2em, strong(sys.inputs.call)) }
"""
