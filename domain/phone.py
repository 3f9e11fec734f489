"""Which phone numbers we may text: mobiles only. A carrier may read a text to a landline aloud."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

#: Ofcom's mobile numbers for drama, 07700 900000 to 900999: nobody has one, and the library calls them invalid.
_DRAMA = re.compile(r"\+447700900\d{3}")
_TEXTABLE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def is_mobile(number: str, *, allow_test: bool) -> bool:
    """Whether this number (E.164: + and digits) is a mobile's. `allow_test`: drama numbers count as such."""
    if _DRAMA.fullmatch(number):
        return allow_test
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed) and phonenumbers.number_type(parsed) in _TEXTABLE
