"""After how long without a word a number may be somebody else's."""

from __future__ import annotations

from datetime import timedelta

#: UK networks give numbers out again that were not used for some months. Who has been silent for longer is asked first
#: whether it is still them, and gets nothing personal before they say yes.
LONG_SILENCE = timedelta(days=180)
