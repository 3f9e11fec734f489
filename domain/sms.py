"""How many SMS segments a text takes: GSM-7 or UCS-2 (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

#: The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1).
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Its extension table: each takes two septets (6.2.1.1).
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = GSM_BASIC | GSM_EXTENDED

#: Characters that say the same in GSM-7. Only where nothing is lost.
_DOWNGRADE = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "`": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2033": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
        "\u2026": "...", "\u2022": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ",
        "\u200b": "", "\u2060": "", "\ufeff": "", "\u00ad": "",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text travels: its encoding, and the number of segments that are paid for."""

    encoding: Literal["GSM-7", "UCS-2"]
    count: int


def prepare(text: str) -> str:
    """The text as it will be sent: NFC, and downgraded to GSM-7 only if then all of it fits GSM-7.

    So what we preview is what is sent and billed; the provider's own re-encoding is turned off.
    """
    composed = unicodedata.normalize("NFC", text)
    if _GSM.issuperset(composed):
        return composed
    plain = composed.translate(_DOWNGRADE)
    return plain if _GSM.issuperset(plain) else composed


def segments(text: str) -> Segments:
    """Segments of the text exactly as given: 160/153 septets, or 70/67 UTF-16 units.

    A pair (an extended character, a surrogate pair) is never split across two segments.
    """
    if _GSM.issuperset(text):
        return Segments("GSM-7", _count([2 if c in GSM_EXTENDED else 1 for c in text], 160, 153))
    return Segments("UCS-2", _count([2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67))


def _count(widths: list[int], single: int, part: int) -> int:
    if sum(widths) <= single:
        return 1
    count, room = 1, part
    for width in widths:
        if width > room:
            count, room = count + 1, part
        room -= width
    return count
