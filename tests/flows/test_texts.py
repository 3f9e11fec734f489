"""Texts on their way to translators and back."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from flows.labels import label
from flows.model import Act, Choice, Date, Flow, Group, Integer, Note, Scale, SelectMultiple, SelectOne, Text, YesNo
from flows.phrases import Plural
from flows.texts import Filled, extract, localize, localize_phrases, texts
from tests.flows.shipped import DEFINITIONS, FLOWS, library, words

SOURCE = """\
id: visit
questions:
  - type: scale
    name: mood
    label: "How was it?"
    low: "bad"
    high: "good"
    comment: "After a visit."
  - type: group
    name: more
    questions:
      - type: select_one
        name: by
        label: "How did you come?"
        context: visit
        choices:
          - {name: bus, label: "By bus"}
          - {name: back, label: "Back", context: place}
"""

PHRASES = """\
yes: {text: "Yes", comment: "An answer."}
left:
  one: "{count} question"
  other: "{count} questions"
  comment: "How many are left."
"""


def translations(texts_: Mapping[object, object]) -> gettext.GNUTranslations:
    """A catalogue with these; a key (context, text) or (text, plural text)."""
    catalog = Catalog(locale="pl")
    for key, string in texts_.items():
        match key, string:
            case (str(context), str(text)), str():
                catalog.add(text, string, context=context)
            case (str(), str()), tuple():
                catalog.add(key, string)  # type: ignore[arg-type]  # a plural is a pair; the types want a list
            case str(), str():
                catalog.add(key, string)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    return gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))


def test_each_text_goes_out_with_its_line_place_and_remark() -> None:
    assert [(t.text, t.line, t.context, t.comment) for t in texts(SOURCE)] == [
        ("How was it?", 5, None, "visit.mood: After a visit."),
        ("bad", 6, None, "visit.mood: the low end of the scale"),
        ("good", 7, None, "visit.mood: the high end of the scale"),
        ("How did you come?", 14, "visit", "visit.by"),
        ("By bus", 17, None, "visit.by: an answer"),
        ("Back", 18, "place", "visit.by: an answer"),
    ]
    assert [(t.text, t.plural, t.comment) for t in texts(PHRASES)] == [
        ("Yes", None, "yes: An answer."),
        ("{count} question", "{count} questions", "left: How many are left."),
    ]


def test_extraction_gives_babel_what_gettext_calls_would() -> None:
    found = [(name, ids) for _, name, ids, _ in extract(io.BytesIO((SOURCE).encode()), (), (), {})]
    assert found[2:5] == [("gettext", "good"), ("pgettext", ("visit", "How did you come?")), ("gettext", "By bus")]
    found = [(name, ids) for _, name, ids, _ in extract(io.BytesIO(PHRASES.encode()), (), (), {})]
    assert found[1] == ("ngettext", ("{count} question", "{count} questions"))


def test_every_text_of_a_shipped_flow_goes_out() -> None:
    for path in DEFINITIONS:
        flow = library().flows[path.stem]
        out = {text.text for text in texts(path.read_text("utf-8"))}
        assert {step.item.label for step in flow.steps if not isinstance(step.item, Act)} <= out
        assert {c.label for q in flow.asked() if isinstance(q, SelectOne | SelectMultiple) for c in q.choices} <= out
        assert {end for q in flow.asked() if isinstance(q, Scale) for end in (q.low, q.high)} <= out


FLOW = Flow(
    id="visit",
    version=2,
    title="A visit",
    starts_with=("VISIT",),
    questions=(
        YesNo(name="came", label="Did you come?"),
        Scale(name="mood", label="How was it?", low="bad", high="good"),
        Group(
            name="more",
            questions=(
                SelectOne(
                    name="by",
                    label="How did you come?",
                    context="visit",
                    choices=(Choice(name="bus", label="By bus"), Choice(name="back", label="Back", context="place")),
                ),
                SelectMultiple(
                    name="with_", label="With?", choices=(Choice(name="a", label="A"), Choice(name="b", label="B"))
                ),
            ),
        ),
        Date(name="day", label="When?"),
        Integer(name="minutes", label="How long?"),
        Text(name="words", label="What?"),
        Note(name="thanks", label="Thanks.\nCall: {phone}"),
    ),
)


def test_a_flow_comes_back_in_one_language_and_else_the_same() -> None:
    polish = translations(
        {
            "How was it?": "Jak było?",
            "bad": "źle",
            "good": "dobrze",
            ("visit", "How did you come?"): "Jak przyjechałeś?",
            "How did you come?": "not this one",
            "By bus": "Autobusem",
            "Back": "not this one",
            ("place", "Back"): "Tył",
        }
    )
    told = localize(FLOW, "pl", polish, library().phrases["pl"], words("pl"))
    assert (told.id, told.version, told.language, told.starts_with) == ("visit", 2, "pl", ("VISIT",))
    mood, by = told.question("mood"), told.question("by")
    assert isinstance(mood, Scale)
    assert (mood.label, mood.low, mood.high) == ("Jak było?", "źle", "dobrze")
    assert isinstance(by, SelectOne)
    assert (by.label, [(c.name, c.label) for c in by.choices]) == (
        "Jak przyjechałeś?",
        [("bus", "Autobusem"), ("back", "Tył")],
    )
    came = told.question("came")
    assert came is not None
    assert came.label == "Did you come?"  # what is not translated is said in English
    assert [step.when for step in told.steps] == [step.when for step in FLOW.steps]


def test_a_phrase_that_depends_on_a_number_has_the_forms_of_its_language() -> None:
    forms = ("zostało {count} pytanie", "zostały {count} pytania", "zostało {count} pytań")
    one, other = "{count} question is left.", "{count} questions are left."
    english = library().phrases["en"]
    plural = english.welcome_back
    polish = localize_phrases(english, translations({(plural.one, plural.other): forms, "Yes": "Tak"}))
    assert [polish.welcome_back.of(n) for n in (1, 3, 5, 22)] == [forms[0], forms[1], forms[2], forms[1]]
    assert polish.yes == "Tak"
    assert polish.no == "No"
    assert [Plural(one, other).of(n) for n in (1, 2)] == [one, other]


def test_the_projects_blanks_are_filled_and_a_line_without_its_blank_is_left_out() -> None:
    source = gettext.NullTranslations()
    known, unknown = Filled(source, {"phone": "01632 960001"}), Filled(source, {"phone": ""})
    text = "Thanks.\nCall: {phone}\nBye."
    assert known.gettext(text) == known.pgettext("x", text) == "Thanks.\nCall: 01632 960001\nBye."
    assert unknown.gettext(text) == unknown.pgettext("x", text) == "Thanks.\nBye."
    assert unknown.gettext("{count} of {phone}") == ""
    assert known.ngettext("{phone} a", "{phone} b", 2) == "01632 960001 b"
    assert unknown.gettext("{names} stay") == "{names} stay"


def test_the_phrases_are_all_sent_out() -> None:
    out = {text.text for text in texts((FLOWS / "phrases.yaml").read_text("utf-8"))}
    assert library().phrases["en"].not_understood in out
    assert library().phrases["en"].welcome_back.one in out


def test_an_answer_is_labelled_in_the_source_language() -> None:
    answers = {
        "came": ("yes", "Yes"),
        "mood": (7, "7"),
        "by": ("back", "Back"),
        "with_": (("a", "b"), "A; B"),
        "day": ("2026-03-01", "2026-03-01"),
        "minutes": (20, "20"),
        "words": ("Nice.", "Nice."),
        "visit_score": (70, "70"),
    }
    assert {name: label(FLOW, name, answer) for name, (answer, _) in answers.items()} == {  # type: ignore[arg-type]  # a dict of mixed answers
        name: told for name, (_, told) in answers.items()
    }
    assert label(FLOW, "mood", "prefer_not_to_say") == "Prefer not to say"
    assert label(FLOW, "by", "a choice of an older version") == "a choice of an older version"
