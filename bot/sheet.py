"""A poster as a sheet of paper, A4: the word, the number, and codes to scan. As SVG, and that as PDF."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

import phonenumbers
import segno

_WIDTH, _HEIGHT = 210, 297  # mm
_FONTS = "Noto Sans, DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif"
#: With the quiet zone. A phone reads a code from some ten times its width away.
_CODE = 58  # mm
#: Modules of white round a QR code (ISO/IEC 18004, 6.3.8).
_QUIET = 4
#: The widest capital letters are as wide as they are high, or less.
_WIDEST = 1.0


class NoTypst(Exception):
    """PDF is made by Typst, which is not installed. The message says how to."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on it. `number` (E.164) takes texts, `link` leads to the bot in Telegram, `call` is where a person
    answers; each may be empty, but not both of the first two.
    """

    word: str
    number: str
    link: str
    call: str = ""

    def text_link(self) -> str:
        """What the first code holds: a text with the word in it, to our number (RFC 5724)."""
        return f"sms:{self.number}?body={quote(self.word.upper())}"

    def lines(self) -> list[tuple[float, float, str, str]]:
        """What there is to read, from the top: (where and how large, both in mm; weight; words)."""
        word = self.word.upper()
        lines = [(38.0, 14.0, "bold", "Have your say in Essex"), (52.0, 7.0, "normal", _WHO)]
        if self.number:
            lines += [
                (78.0, 10.0, "normal", "Text"),
                (108.0, min(30.0, 180 / (_WIDEST * len(word))), "bold", word),
                (128.0, 12.0, "normal", f"to {spoken_number(self.number)}"),
                (148.0, 9.0, "normal", "or scan" if not self.link else "or scan one of these"),
            ]
        else:
            lines += [(108.0, 12.0, "normal", "Scan this with your phone")]
        lines += [(248.0, 9.0, "bold", "It commits you to nothing.")]
        lines += [(260.0, 5.5, "normal", _COSTS if self.number else _ENDS)]
        if self.call:
            lines += [(276.0, 6.0, "normal", f"Talk to a person: {self.call}")]
        return lines

    def codes(self) -> list[tuple[str, str]]:
        """What there is to scan: (what the code holds, the words under it)."""
        text = [(self.text_link(), "By text message")] if self.number else []
        return [*text, (self.link, "In Telegram")] if self.link else text


_WHO = "We are MIME. We help people in Essex have their say."
_ENDS = "STOP ends it."
_COSTS = f"You pay what your phone company takes for a text. {_ENDS}"


def svg(sheet: Sheet) -> str:
    """The sheet as one SVG file, for a browser or a printer."""
    about = f"Poster: {sheet.word.upper()}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}mm" height="{_HEIGHT}mm"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(about)}">',
        f"<title>{escape(about)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<g fill="#000" text-anchor="middle" font-family="{_FONTS}">',
    ]
    for y, size, weight, words in sheet.lines():
        parts.append(_text(_WIDTH / 2, y, size, weight, words))
    codes = sheet.codes()
    for n, (content, words) in enumerate(codes, start=1):
        middle = _WIDTH * n / (len(codes) + 1)
        parts.append(qr_path(content, middle - _CODE / 2, 158.0, _CODE))
        parts.append(_text(middle, 224.0, 6.0, "normal", words))
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _text(x: float, y: float, size: float, weight: str, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:.3g}" font-weight="{weight}">{escape(words)}</text>'


def qr_path(content: str, x: float, y: float, size: float) -> str:
    """A QR code as a path of its dark modules, its quiet zone within `size`."""
    matrix = segno.make_qr(content, error="m").matrix
    scale = size / (len(matrix) + 2 * _QUIET)
    dark = "".join(
        f"M{column + _QUIET} {row + _QUIET}h1v1h-1z"
        for row, modules in enumerate(matrix)
        for column, module in enumerate(modules)
        if module
    )
    place = f"translate({x:g} {y:g}) scale({scale:.6g})"
    return f'<path transform="{place}" shape-rendering="crispEdges" d="{dark}"/>'


def pdf(sheet: Sheet) -> bytes:
    """The sheet as a PDF of one page, with its fonts in it. Raises NoTypst."""
    try:
        typst = importlib.import_module("typst")
    except ModuleNotFoundError as error:
        raise NoTypst("--pdf needs Typst, which make install brings; or take --svg and print that") from error
    told = " ".join([*(words for *_, words in sheet.lines()), *(words for _, words in sheet.codes())])
    given = {"svg": svg(sheet), "told": told, "title": f"Poster: {sheet.word.upper()}"}
    made: bytes = typst.compile(_PAGE.encode(), format="pdf", sys_inputs=given, pdf_standards="ua-1")
    return made


#: One picture that fills the page; who cannot see it hears its words (PDF/UA-1).
_PAGE = f"""
#set document(title: sys.inputs.title)
#set page(width: {_WIDTH}mm, height: {_HEIGHT}mm, margin: 0mm)
#set text(lang: "en", region: "GB")
#image(bytes(sys.inputs.svg), format: "svg", width: 100%, alt: sys.inputs.told)
"""


def spoken_number(number: str) -> str:
    """A number as people here dial it; one from abroad with its country's."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    at_home = parsed.country_code == 44
    style = phonenumbers.PhoneNumberFormat.NATIONAL if at_home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style)
