"""An author's mistake gets a sentence with file, line and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.loader import (
    FlowError,
    load_catalogue,
    load_flow,
    load_languages,
    load_library,
    load_phrases,
    load_words,
    word_lists,
)
from flows.model import Act, Group, Period, Scale
from tests.flows.shipped import DEFINITIONS, FLOWS, LANGUAGES, LOCALES

GOOD = """\
id: visit
version: 3
title: "A visit"
questions:
  - type: yes_no
    name: consent
    consent: questionnaires
    required: true
    label: "May we ask?"
  - type: select_one
    name: came_by
    label: "How did you come?"
    choices:
      - {name: bus, label: "By bus"}
      - {name: car, label: "By car"}
  - type: scale
    name: mood
    label: "How was it?"
    low: "bad"
    high: "good"
  - type: text
    name: why
    when: {mood: {at_most: 3}}
    label: "Why?"
  - type: note
    name: thanks
    label: "Thank you.\\nTalk to a person: {phone}"
"""


def fault(tmp_path: Path, text: str) -> str:
    """What is said about the file, without the folder it lies in."""
    path = tmp_path / "visit.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(FlowError) as raised:
        load_flow(path)
    return str(raised.value).replace(f"{path}", "visit.yaml")


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} is there {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def test_a_good_file_is_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "visit.yaml"
    path.write_text(GOOD, "utf-8")
    flow = load_flow(path)
    assert (flow.id, flow.version, flow.language) == ("visit", 3, "en")
    assert [q.name for q in flow.asked()] == ["consent", "came_by", "mood", "why"]
    assert flow.question("mood") == Scale(name="mood", label="How was it?", low="bad", high="good")
    assert flow.expires_after == Period(hours=21 * 24)
    assert flow.nudge_after is None


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("type: scale", "type: skale", 16, "questions.2: 'skale' is no type of question; did you mean 'scale'?"),
        ("  - type: scale\n    name: mood", "  - name: mood", 16, "questions.2: it has no `type:`"),
        ("    high:", "    hihg:", 20, "questions.2.scale.hihg: 'hihg' means nothing here; did you mean 'high'?"),
        ('    high: "good"\n', "", 16, "questions.2.scale.high: 'high' is missing"),
        ("version: 3\n", "", 1, "version: 'version' is missing"),
        ("version: 3", "version: three", 2, "version: Input should be a valid integer"),
        ("version: 3", "version: 0", 2, "version: Input should be greater than or equal to 1"),
        ("version: 3", "version: 3\nverzion: 4", 3, "verzion: 'verzion' means nothing here; did you mean 'version'?"),
        ("version: 3", "version: 3\nversion: 4", 3, "'version' is given twice"),
        ("    name: mood", "    name: mood\n    name: mood", 18, "'name' is given twice"),
        ("name: mood", "name: My Mood", 17, "questions.2.scale.name: 'My Mood' is no name: use small letters"),
        ("name: mood", "name: came_by", None, "another question is called 'came_by'; names are columns of the data"),
        ("{name: car,", "{name: bus,", 15, "questions.1.choices.1: two answers have the name 'bus'"),
        ('"By car"', '"By bus"', 15, "questions.1.choices.1: two answers have the label 'By bus'"),
        ('      - {name: car, label: "By car"}\n', "", 13, "questions.1.choices: "),
        (
            "{mood: {at_most: 3}}",
            "{moood: {at_most: 3}}",
            23,
            "questions.3.when: 'moood' is no earlier question; did you mean 'mood'?",
        ),
        ("{mood: {at_most: 3}}", "{thanks: yes}", 23, "questions.3.when: 'thanks' is no earlier question"),
        ("{mood: {at_most: 3}}", "{why: x}", 23, "questions.3.when: 'why' is no earlier question"),
        (
            "{mood: {at_most: 3}}",
            "{came_by: buss}",
            23,
            "questions.3.when: 'buss' is no answer to 'came_by'; did you mean 'bus'?",
        ),
        (
            "{mood: {at_most: 3}}",
            "{consent: yess}",
            23,
            "questions.3.when: 'yess' is no answer to 'consent'; did you mean 'yes'?",
        ),
        (
            "{mood: {at_most: 3}}",
            "{not: {any: [{came_by: bike}, {mood: 3}]}}",
            None,
            "questions.3.when: 'bike' is no answer to 'came_by'",
        ),
        (
            "{mood: {at_most: 3}}",
            "{mood: low}",
            23,
            "questions.3.when: 'low' is no number, and 'mood' is answered with one",
        ),
        (
            "{mood: {at_most: 3}}",
            "{came_by: {at_most: 3}}",
            23,
            "questions.3.when: 'came_by' is not answered with a number",
        ),
        (
            "{mood: {at_most: 3}}",
            "{mood: {below: 3}}",
            23,
            "questions.3.text.when: 'below' is no comparison; use at_least or at_most",
        ),
        (
            "{mood: {at_most: 3}}",
            "{mood: {at_most: low}}",
            23,
            "questions.3.text.when: at_least and at_most take a number",
        ),
        (
            "{mood: {at_most: 3}}",
            "{mood: {at_most: [3]}}",
            23,
            "questions.3.text.when: at_least and at_most take a number",
        ),
        ("{mood: {at_most: 3}}", "{mood: {}}", 23, "questions.3.text.when: 'mood': expected an answer"),
        ("{mood: {at_most: 3}}", "{all: {mood: 3}}", 23, "questions.3.text.when: 'all' takes a list of conditions"),
        (
            "{mood: {at_most: 3}}",
            "low mood",
            23,
            "questions.3.text.when: expected a question and its answer, such as {coming: yes}",
        ),
        ("{mood: {at_most: 3}}", "{[mood]: 3}", 23, "expected a word before the colon; quote the text"),
        (
            'title: "A visit"',
            'title: "A visit"\nnudge_after: 20 hrs',
            4,
            "nudge_after: expected a number of hours, days, weeks or months, such as '20 hours'",
        ),
        ('title: "A visit"', 'title: "A visit"\nexpires_after: [3]', 4, "expires_after: "),
        (
            'title: "A visit"',
            'title: "A visit"\nrepeats: {every: month}',
            4,
            "repeats.every: expected a number of hours",
        ),
        (
            'title: "A visit"',
            'title: "A visit"\nrepeats: {every: 1 month, when: {mod: 3}}',
            4,
            "repeats.when: 'mod' is no earlier question; did you mean 'mood'?",
        ),
        ("{phone}", "{phnoe}", 27, "questions.4.label: nothing fills the blank {phnoe}; did you mean 'phone'?"),
        ("How was it?", "How was it, {name}?", 18, "questions.2.label: nothing fills the blank {name}"),
        ("How was it?", "How was it, {name?", 18, "questions.2.label: a blank is not closed"),
        ("How was it?", "How was it? :}", 18, "questions.2.label: a blank is not closed"),
        ('"bad"', '"bad {day}"', 19, "questions.2.low: nothing fills the blank {day}"),
        ('"By car"', '"By {car}"', 15, "questions.1.choices.1.label: nothing fills the blank {car}"),
        ("    required: true\n", "", 5, "questions.0: a consent cannot be skipped; say `required: true`"),
        (
            "consent: questionnaires",
            "consent: everything",
            7,
            "questions.0.yes_no.consent: Input should be 'newsletter', 'invitations', 'questionnaires'",
        ),
        ("required: true", "required: maybe", 8, "questions.0.yes_no.required: Input should be a valid boolean"),
        (
            '    high: "good"',
            '    high: "good"\n    maximum: 0',
            21,
            "questions.2.maximum: the maximum 0 is not above the minimum 0",
        ),
        (
            '    high: "good"',
            '    high: "good"\n    maximum: 20',
            21,
            "questions.2.maximum: a scale has at most 11 points and none below 0",
        ),
        (
            '    high: "good"',
            '    high: "good"\n    minimum: -1\n    maximum: 5',
            None,
            "a scale has at most 11 points and none below 0",
        ),
        ("id: visit", "id: A visit", 1, "id: 'A visit' is no name"),
        (
            "title:",
            "  title:",
            3,
            "mapping values are not allowed in this context; check the indentation and the quotes",
        ),
        ('"How was it?"', '"How was it?', None, "check the indentation and the quotes"),
        (
            'label: "Why?"',
            "label: Why: tell us",
            24,
            "mapping values are not allowed in this context; check the indentation and the quotes",
        ),
        ('"A visit"', '"A \x07 visit"', None, "it holds a character that no text has"),
    ],
)
def test_an_authors_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, said: str
) -> None:
    """Without a line: the character before which nothing can be read, or where else it is told twice."""
    message = fault(tmp_path, changed(old, new))
    assert message.startswith("visit.yaml:")
    assert said in message
    if line is not None:
        assert f"visit.yaml:{line}: {said}" in message


def test_all_mistakes_of_a_file_are_named_in_order_of_their_lines(tmp_path: Path) -> None:
    text = GOOD.replace("{mood:", "{modo:").replace("{phone}", "{fone}").replace('"By car"', '"By bus"')
    lines = fault(tmp_path, text).splitlines()
    assert [line.split(":")[1] for line in lines] == ["15", "23", "27"]


def test_a_consent_that_is_not_the_first_question_is_named(tmp_path: Path) -> None:
    first, rest = GOOD.split("  - type: select_one")
    consent = first[first.index("  - type: yes_no") :]
    moved = (
        first.replace(consent, "") + "  - type: select_one" + rest.replace("  - type: text", consent + "  - type: text")
    )
    assert "visit.yaml:16: questions.2: the consent to questions is the first question of its flow" in fault(
        tmp_path, moved
    )


SCORE = "score: {{name: {name}, rule: mean_0_100, questions: [{questions}], at_least: {at_least}{more}}}\n"


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (
            SCORE.format(name="s", questions="moood", at_least=1, more=""),
            "'moood' is no scale question of this flow; did you mean 'mood'?",
        ),
        (SCORE.format(name="s", questions="why", at_least=1, more=""), "'why' is no scale question of this flow"),
        (
            SCORE.format(name="s", questions="mood", at_least=2, more=""),
            "score.at_least: more answers are wanted than there are questions in the score",
        ),
        (
            SCORE.format(name="s", questions="mood", at_least=0, more=""),
            "score.at_least: Input should be greater than or equal to 1",
        ),
        (SCORE.format(name="mood", questions="mood", at_least=1, more=""), "score.name: 'mood' is also a question"),
        (
            SCORE.format(name="s", questions="mood", at_least=1, more=", reverse: [wory]"),
            "score.reverse: 'wory' is not among the score's questions",
        ),
        (
            SCORE.format(name="s", questions="mood", at_least=1, more="").replace("mean_0_100", "sum"),
            "score.rule: Input should be 'mean_0_100'",
        ),
        (SCORE.format(name="s", questions="", at_least=1, more=""), "score.questions: "),
    ],
)
def test_a_mistake_in_a_score_is_named(tmp_path: Path, score: str, said: str) -> None:
    message = fault(tmp_path, changed("questions:\n", score + "questions:\n"))
    assert said in message
    assert message.startswith("visit.yaml:4: score")


def test_a_mistake_within_a_group_is_named_with_its_own_line(tmp_path: Path) -> None:
    group = """\
  - type: group
    name: more
    when: {came_by: buss}
    questions:
      - type: integer
        name: minutes
        label: "How long?"
        when: {mod: 1}
  - type: note
"""
    message = fault(tmp_path, changed("  - type: note\n", group))
    assert "visit.yaml:27: questions.4.when: 'buss' is no answer to 'came_by'; did you mean 'bus'?" in message
    assert "visit.yaml:32: questions.4.questions.0.when: 'mod' is no earlier question; did you mean 'mood'?" in message


def test_a_group_needs_questions_and_holds_no_group(tmp_path: Path) -> None:
    empty = "  - {type: group, name: more, questions: []}\n  - type: note\n"
    assert "questions.4.group.questions: " in fault(tmp_path, changed("  - type: note\n", empty))
    nested = "  - {type: group, name: more, questions: [{type: group, name: less, questions: []}]}\n  - type: note\n"
    assert "'group' is no type of question" in fault(tmp_path, changed("  - type: note\n", nested))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a remark\n"])
def test_an_empty_file_is_named_as_such(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text) == "visit.yaml:1: the file is empty"


@pytest.mark.parametrize("text", ["[]", "just words", "- a\n- b\n", "7"])
def test_a_file_that_is_no_flow_at_all_is_refused(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text).startswith("visit.yaml:1: ")


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_not_utf8_is_named_as_such(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "visit.yaml"
    path.write_bytes(changed('"Why?"', '"Why? caf\xe9"').encode(encoding))
    with pytest.raises(FlowError, match=r"visit\.yaml: it is not UTF-8; save it as UTF-8"):
        load_flow(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_flow(tmp_path / "nowhere.yaml")


def test_words_that_yaml_reads_as_something_else_stay_words(tmp_path: Path) -> None:
    path = tmp_path / "visit.yaml"
    path.write_text(
        GOOD.replace('{name: bus, label: "By bus"}', "{name: no, label: No}").replace('"bad"', "1.0"), "utf-8"
    )
    flow = load_flow(path)
    choices = flow.question("came_by").choices  # type: ignore[union-attr]  # what has no such field fails the test as well
    assert (choices[0].name, choices[0].label) == ("no", "No")
    assert flow.question("mood").low == "1.0"  # type: ignore[union-attr]  # what has no such field fails the test as well


@pytest.mark.parametrize("path", DEFINITIONS, ids=[path.stem for path in DEFINITIONS])
def test_each_shipped_flow_is_in_the_file_of_its_name(path: Path) -> None:
    assert load_flow(path).id == path.stem


@pytest.mark.parametrize("path", DEFINITIONS, ids=[path.stem for path in DEFINITIONS])
def test_each_shipped_text_has_a_remark_for_its_translator(path: Path) -> None:
    flow = load_flow(path)
    items = [one for item in flow.questions for one in (item.questions if isinstance(item, Group) else (item,))]
    assert [item.name for item in items if not isinstance(item, Act) and not item.comment] == []


# The other files


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\nskip: {", "\nskipp: {", "skipp: no such phrase; did you mean 'skip'?"),
        ("\nskip: {", "\nskipp: {", "the phrase 'skip' is missing"),
        ('text: "Skip", ', "", "skip: expected {text: ..., comment: ...}"),
        (
            '{text: "Skip", comment: "On a button: leave this question out."}',
            "Skip",
            "skip: expected {text: ..., comment: ...}",
        ),
        (', comment: "On a button: leave this question out."', "", "skip: it has no comment for the translator"),
        ("On a button: leave this question out.", "", "skip: it has no comment for the translator"),
        ('{text: "Skip", ', '{text: "Skip", plural: "Skips", ', "skip: 'plural' means nothing here"),
        ('  one: "Welcome back.', '  won: "Welcome back.', "welcome_back: expected"),
        ("\nskip: {", "\nskip: {text: a, comment: b}\nskip: {", "'skip' is given twice"),
    ],
)
def test_a_mistake_in_the_phrases_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (FLOWS / "phrases.yaml").read_text("utf-8")
    assert text.count(old) == 1
    path = tmp_path / "phrases.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(FlowError) as raised:
        load_phrases(path)
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"{path}:")


@pytest.mark.parametrize("text", ["[]", "words", "- yes\n"])
def test_phrases_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "phrases.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(FlowError, match=r"phrases\.yaml:1: expected phrases"):
        load_phrases(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("language: en", "language: xx", "'xx' is no language that CLDR knows"),
        ("\ntens: [twenty, ", "\ntens: [", "tens: "),
        ("\nnumbers: [zero", "\nnumbers: [none, zero", "numbers: "),
        ("  back: [", "  bakc: [", "commands.bakc"),
        ("\ngreetings: [", "\ngreeting: [", "'greeting' means nothing here"),
        ("\nnames: [", "\nnames: []\nnoms: [", "names: "),
    ],
)
def test_a_mistake_in_the_words_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (LOCALES / "en" / "words.yaml").read_text("utf-8")
    assert text.count(old) == 1
    path = tmp_path / "words.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(FlowError) as raised:
        load_words(path)
    assert said in str(raised.value)


def test_a_mistake_in_the_list_of_languages_is_named(tmp_path: Path) -> None:
    path = tmp_path / "languages.yaml"
    path.write_text("- {tag: en, name: English, english_name: English}\n- {tag: pl, nam: polski}\n", "utf-8")
    with pytest.raises(FlowError, match=r"languages\.yaml:2: .*'nam' means nothing here; did you mean 'name'"):
        load_languages(path)


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"flows\.po"):
        load_catalogue(tmp_path / "flows.po")


def test_every_shipped_language_has_words() -> None:
    assert set(word_lists(LOCALES)) == {
        one.tag for one in load_languages(LOCALES / "languages.yaml") if one.like is None
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped flows and locales, to be spoiled."""
    for folder in (FLOWS / "definitions", LOCALES):
        shutil.copytree(folder, tmp_path / folder.relative_to(FLOWS.parent))
    shutil.copy(FLOWS / "phrases.yaml", tmp_path / "flows")
    return tmp_path


def test_two_flows_of_one_id_are_refused(copy: Path) -> None:
    definitions = copy / "flows" / "definitions"
    shutil.copy(definitions / "wellbeing.yaml", definitions / "wellbeing_copy.yaml")
    with pytest.raises(FlowError, match=r"wellbeing_copy\.yaml.*'wellbeing'"):
        load_library(copy / "flows", copy / "locales", drafts=True)


def test_without_drafts_only_reviewed_languages_are_spoken(copy: Path) -> None:
    listed = copy / "locales" / "languages.yaml"
    text = listed.read_text("utf-8")
    assert text.count("english_name: Romanian") == 1
    listed.write_text(
        text.replace("english_name: Romanian", "english_name: Romanian, reviewed_by: A. Popescu"), "utf-8"
    )
    library = load_library(copy / "flows", copy / "locales", drafts=False)
    drafts = [tag for tag, language in library.languages.items() if language.reviewed_by is None]
    assert "ro" in library.spoken
    assert set(drafts).isdisjoint(library.spoken)
    assert library.language("ro") == "ro"
    assert {library.language(tag) for tag in (*drafts, "tlh", None)} == {"en"}
    assert library.flow("wellbeing", drafts[0]) is library.flow("wellbeing", "en")
    assert library.flow("nothing", "en") is None
    everything = load_library(copy / "flows", copy / "locales", drafts=True)
    assert everything.spoken == LANGUAGES


def test_words_that_start_a_flow_are_known_by_the_library(copy: Path) -> None:
    library = load_library(copy / "flows", copy / "locales", drafts=True)
    assert (library.starts["opinion"], library.starts["feedback"]) == ("opening_hours", "training_feedback")
