"""Rows of a coordinator's list: whom they tell of, and what is said where they cannot be understood."""

from __future__ import annotations

from datetime import date

import pytest

from domain.contact import Purpose
from domain.member import Choices, Fact, Fault, Member, MemberType, Row, Vocabulary, columns_of, members_of, number_of

TODAY = date(2026, 11, 23)
WORDS = Vocabulary(
    languages=Choices({"en": ("English",), "ro": ("Romanian", "română"), "ur": ("Urdu", "اردو"), "bn": ("বাংলা",)}),
    districts=Choices({"chelmsford": ("Chelmsford",), "southend_on_sea": ("Southend-on-Sea",)}),
    sources=Choices({"visit": ("Someone came to a group of mine",), "other": ("Another way",)}),
)


def read(*lines: str) -> tuple[list[Member], list[str]]:
    """A list as text, `|` between its cells."""
    rows = [Row(n, tuple(line.split("|"))) for n, line in enumerate(lines, start=1)]
    members, faults = members_of(rows, WORDS, TODAY, allow_test=True)
    return members, [str(fault) for fault in faults]


def faults(*lines: str) -> list[str]:
    found = read(*lines)[1]
    assert found
    return found


def member(**cells: str) -> Member:
    (found,), wrong = read("|".join(["phone", *cells]), "|".join(["07700 900123", *cells.values()]))
    assert wrong == []
    return found


# Numbers


@pytest.mark.parametrize(
    "written",
    [
        "07700 900123",
        "07700900123",
        "+44 7700 900123",
        "+447700900123",
        "0044 7700 900123",
        "+44 (0)7700 900123",
        "(07700) 900-123",
        "07700.900.123",
        "07700–900–123",
        "7700900123",
        "447700900123",
        "'07700900123",
        "\u202a+44 7700 900123\u202c",
        " 07700\u00a0900123 ",
    ],
)
def test_a_number_is_understood_as_people_and_spreadsheets_write_it(written: str) -> None:
    assert number_of(written, allow_test=True) == "+447700900123"


#: The example numbers of the library's own data.
@pytest.mark.parametrize(
    ("written", "number"), [("07400 123456", "+447400123456"), ("+48 512 345 678", "+48512345678")]
)
def test_a_mobile_of_any_country_is_taken(written: str, number: str) -> None:
    assert number_of(written, allow_test=False) == number


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("020 7946 0000", "landline"),  # of Ofcom's for drama
        ("2079460000", "landline"),
        ("60777", "too short"),
        ("999", "too short"),
        ("0800 123 4567", "no mobile's number"),
        ("070 1234 5678", "no mobile's number"),
        ("07700 90012", "no such number"),
        ("07700 9001234", "no such number"),
        ("+999 123456", "no phone number"),
        ("ask Ann", "no phone number"),
        ("0800 FLOWERS", "no phone number"),
        ("07700 9OO123", "no phone number"),
        ("07700 900123 / 07700 900456", "no phone number"),
        ("07700 900123 07700 900456", "no phone number"),
        ("-", "no phone number"),
        ("4.4770E+11", "shortened"),
        ("7,70E+09", "shortened"),
    ],
)
def test_what_is_no_mobile_s_number_is_refused_with_the_reason_and_not_repeated(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        number_of(written, allow_test=True)
    assert written not in str(raised.value)


def test_numbers_for_drama_are_taken_in_tests_alone() -> None:
    with pytest.raises(ValueError, match="drama"):
        number_of("07700 900123", allow_test=False)


# Columns


@pytest.mark.parametrize("name", ["heard_from", "Heard From", "HEARDFROM", " heard-from "])
def test_columns_are_named_with_capitals_and_spaces_as_one_likes(name: str) -> None:
    assert columns_of(Row(1, ("Phone", name))) == (("phone", "heard_from"), ())


def test_an_unknown_column_is_named_with_what_was_perhaps_meant() -> None:
    assert faults("phone|langauge|xyz", "1|2|3") == [
        "row 1, column B: there is no column 'langauge'; did you mean 'language'?",
        "row 1, column C: there is no column 'xyz'; the columns are name, phone, language, type, district, "
        "heard_from, heard_from_detail, newsletter, invitations, questionnaires, consent_date, consent_how, note",
    ]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("name|note", "the column 'phone' is missing"),
        ("phone|name|Name", "column C: the column 'name' is there twice"),
        ("||", "the column 'phone' is missing"),
    ],
)
def test_the_first_row_must_name_each_column_once_and_the_phone_s(header: str, says: str) -> None:
    (fault,) = faults(header, "07700 900123||")
    assert says in fault


def test_an_empty_list_is_a_fault() -> None:
    assert "the list is empty" in faults()[0]


def test_a_cell_outside_the_columns_is_a_fault_and_an_empty_one_is_not() -> None:
    assert faults("phone|", "07700 900123|Ann|", "07700 900124||more") == [
        "row 2, column B: this column has no name in the first row; name it, or empty the cell",
        "row 3, column C: this column has no name in the first row; name it, or empty the cell",
    ]
    assert len(read("phone||", "07700 900123| |", "07700 900124")[0]) == 2


# What a row says


def test_everything_that_a_row_says_is_kept_under_the_name_of_their_own_answer() -> None:
    (found,), wrong = read(
        "Name|Phone|Language|Type|District|Heard from|Heard from detail|Newsletter|Invitations|Questionnaires"
        "|Consent date|Consent how|Note",
        "  Ann\n Example |07700 900123|Romana|Service User|chelmsford|visit|Garden group|Yes|no||3/11/2026"
        "|signed form|likes\x00 tea",
    )
    assert wrong == []
    assert found == Member(
        2,
        "+447700900123",
        "ro",
        MemberType.SERVICE_USER,
        (
            Fact("nickname", "Ann Example", "Ann Example"),
            Fact("relation", "service_user", "Service user"),
            Fact("district", "chelmsford", "Chelmsford"),
            Fact("heard_from", "visit", "Someone came to a group of mine"),
            Fact("heard_from_detail", "Garden group", "Garden group"),
            Fact("note", "likes tea", "likes tea"),
        ),
        (Purpose.NEWSLETTER,),
        date(2026, 11, 3),
        "signed form",
    )


def test_a_number_alone_is_enough() -> None:
    assert read("phone", "07700 900123") == ([Member(2, "+447700900123", None, None, (), (), None, "")], [])


@pytest.mark.parametrize(
    ("written", "tag"),
    [("ur", "ur"), ("URDU", "ur"), ("اردو", "ur"), ("română", "ro"), ("romana", "ro"), ("বাংলা", "bn")],
)
def test_a_language_is_named_by_its_tag_its_own_name_or_its_english_one(written: str, tag: str) -> None:
    assert member(language=written).language == tag


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("Service user", MemberType.SERVICE_USER),
        ("service-user", MemberType.SERVICE_USER),
        ("Expert by experience", MemberType.SERVICE_USER),
        ("family carer", MemberType.CARER),
        ("Professional", MemberType.STAFF),
        ("commissioner", MemberType.COMMISSIONER),
        ("Organisation", MemberType.PARTNER),
        ("Member of the public", MemberType.PUBLIC),
    ],
)
def test_a_type_has_a_few_names(written: str, kind: MemberType) -> None:
    assert member(type=written).type is kind


@pytest.mark.parametrize(
    ("column", "written", "says"),
    [
        ("language", "Urdo", "'Urdo' means nothing here; did you mean 'Urdu'?"),
        ("language", "Klingon", "'Klingon' means nothing here; use one of: English, Romanian, Urdu, বাংলা"),
        ("type", "comissioner", "'comissioner' means nothing here; did you mean 'Commissioner'?"),
        ("district", "Chelmsfrod", "'Chelmsfrod' means nothing here; did you mean 'Chelmsford'?"),
        ("heard_from", "the radio", "use one of: Someone came to a group of mine, Another way"),
        ("newsletter", "maybe", "'maybe' means nothing here; use one of: yes, no"),
        ("note", "x" * 1001, "this has 1001 letters, and at most 1000 are kept"),
        ("district", "x" * 500, f"'{'x' * 39}…' means"),
    ],
)
def test_what_a_column_does_not_know_is_a_fault(column: str, written: str, says: str) -> None:
    (fault,) = faults(f"phone|{column}", f"07700 900123|{written}")
    assert fault.startswith(f"row 2, {column}: ")
    assert says in fault


# Consents


@pytest.mark.parametrize("written", ["2026-11-03", "2026-11-3", "3/11/2026", "03/11/2026", "3.11.2026"])
def test_a_date_is_iso_or_begins_with_the_day(written: str) -> None:
    assert member(newsletter="y", consent_date=written, consent_how="form").consent_date == date(2026, 11, 3)


def test_today_is_a_day_on_which_somebody_may_have_agreed() -> None:
    assert member(newsletter="yes", consent_date="23/11/2026", consent_how="form").consent_date == TODAY


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("2026-11-24", "yet to come"),
        ("31/2/2026", "no such day"),
        ("12/25/2025", "the day first"),
        ("3/11/26", "no date"),
        ("45992", "no date"),
        ("2026-W45-1", "no date"),
        ("3/11/0206", "is the year right"),
        ("spring", "no date"),
    ],
)
def test_a_day_that_cannot_be_is_a_fault(written: str, says: str) -> None:
    (fault,) = faults("phone|newsletter|consent_date|consent_how", f"07700 900123|yes|{written}|form")
    assert fault.startswith("row 2, consent_date: ")
    assert says in fault


def test_a_yes_must_say_when_and_how() -> None:
    header = "phone|newsletter|questionnaires|consent_date|consent_how"
    assert faults(header, "07700 900123||yes||") == [
        "row 2, consent_date: with a yes in 'questionnaires' this must say when they agreed",
        "row 2, consent_how: with a yes in 'questionnaires' this must say how, such as 'form'",
    ]
    assert faults("phone|invitations", "07700 900123|true")[0].startswith("row 2, consent_date: ")
    assert read(header, "07700 900123|no|||")[0][0].consents == ()


def test_several_consents_are_each_their_own() -> None:
    found = member(
        newsletter="no", invitations="yes", questionnaires="TRUE", consent_date="2026-01-02", consent_how="x"
    )
    assert found.consents == (Purpose.INVITATIONS, Purpose.QUESTIONNAIRES)


# Faults


def test_all_faults_of_all_rows_are_told_at_once_and_none_repeats_a_name_or_a_number() -> None:
    found = faults(
        "name|phone|language|newsletter",
        "Ann|07700 900123|en|no",
        "Bob|020 7946 0000|Urdo|",
        "Cid||ur|yes",
        f"{'D' * 81}|x|en|",
    )
    assert [fault.split(":")[0] for fault in found] == [
        "row 3, phone",
        "row 3, language",
        "row 4, phone",
        "row 4, consent_date",
        "row 4, consent_how",
        "row 5, phone",
        "row 5, name",
    ]
    assert not any(told in fault for fault in found for told in ("Bob", "Cid", "DDD", "7946"))


def test_a_fault_without_a_column_names_its_row() -> None:
    assert str(Fault(1, "", "it is empty")) == "row 1: it is empty"
