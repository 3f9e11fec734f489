"""What must not be read on a phone's lock screen. Pure."""

from __future__ import annotations

import re

_GIVES_AWAY = re.compile(
    r"\b(mental|psychiatr\w*|psycholog\w*|depress\w*|anxiety|bipolar|schizo\w*|suicid\w*|self.harm|therap\w*|illness"
    r"|disorder|diagnos\w*|patient\w*|clinic\w*|crisis|forensic|addict\w*)\b",
    re.IGNORECASE,
)


def gives_away(text: str) -> str | None:
    """The first word of the text that must not stand on a lock screen; None where there is none."""
    found = _GIVES_AWAY.search(text)
    return found[0] if found else None
