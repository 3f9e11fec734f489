"""The golden journeys: what is on file is what the whole program says and keeps today, in every language."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from flows.library import Library
from tests.bot.journeys import NotAJourney, replay
from tests.flows.shipped import LANGUAGES, ROOT

GOLDEN = ROOT / "tests" / "golden" / "journeys"
FILES = sorted(GOLDEN.glob("*.txt"))
JOURNEYS = ("joining", "carer", "person", "distress", "sharing", "rights", "needs", "news")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_journey_goes_as_it_is_on_file(path: Path, flows: Library, tmp_path: Path) -> None:
    on_file = path.read_text("utf-8")
    today = asyncio.run(replay(on_file, flows, tmp_path))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(today, "utf-8")
        return
    assert today == on_file, f"{path.name} has changed; see what UPDATE_GOLDEN=1 makes of it"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("journey", JOURNEYS)
def test_each_journey_is_on_file_in_each_language(journey: str, language: str) -> None:
    assert (GOLDEN / f"{journey}_{language}.txt").read_text("utf-8").startswith(f"# {journey} in {language}\n")


@pytest.mark.parametrize("text", ["", "joining in en\n", "# joining in tlh\n", "# joining in en\nZoe < hello\n"])
async def test_what_cannot_be_played_is_refused(text: str, flows: Library, tmp_path: Path) -> None:
    with pytest.raises(NotAJourney):
        await replay(text, flows, tmp_path)
