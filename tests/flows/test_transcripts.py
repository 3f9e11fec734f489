"""The golden conversations: what is on file is what the engine says today."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flows.shipped import FLOW_IDS, LANGUAGES, ROOT
from tests.flows.transcripts import NotATranscript, replay

GOLDEN = ROOT / "tests" / "golden"
FILES = sorted(GOLDEN.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_conversation_goes_as_it_is_on_file(path: Path) -> None:
    on_file = path.read_text("utf-8")
    today = replay(on_file)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(today, "utf-8")
        return
    assert today == on_file, f"{path.name} has changed; see what UPDATE_GOLDEN=1 makes of it"


@pytest.mark.parametrize("flow", FLOW_IDS)
def test_each_flow_has_a_conversation_on_file_that_ends_well(flow: str) -> None:
    texts = [path.read_text("utf-8") for path in FILES]
    assert any(t.startswith(f"# {flow} in en") and t.endswith("# completed\n") for t in texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_a_check_in_on_file_that_ends_well(language: str) -> None:
    texts = [path.read_text("utf-8") for path in FILES]
    assert any(t.startswith(f"# wellbeing in {language}\n") and t.endswith("# completed\n") for t in texts)


def test_only_the_header_and_the_lines_of_the_person_are_read() -> None:
    bare = "# wellbeing in en\n< yes\n< 7\n"
    played = replay(bare)
    assert "= content: 7" in played
    assert replay(played.replace("content", "something else")) == played


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wellbeing in en\n",
        "# nothing in en\n",
        "# wellbeing in tlh\n",
        "# wellbeing in en\n< [Yes]\n",
        "# wellbeing in en by telegram\n< [Maybe]\n",
        "# wellbeing in en\n< STOP\n",
    ],
)
def test_what_cannot_be_played_is_refused(text: str) -> None:
    with pytest.raises(NotATranscript):
        replay(text)
