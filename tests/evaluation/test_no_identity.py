"""What must never be in the evaluation data: a name, a number, an address, or anything that leads back to one."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import Boolean, DateTime, Integer, String, Text

import evaluation
from evaluation.record import EvaluationRecord
from evaluation.store import metadata, records

#: All that there is. A new one is added here by somebody who has thought about it.
KNOWN = {
    "participant": "str",
    "response": "str",
    "questionnaire": "str",
    "version": "int",
    "question": "str",
    "revision": "int",
    "withdrawn": "bool",
    "value": "str",
    "label": "str",
    "language": "str",
    "channel": "str",
    "helper": "str",
    "answered_at": "datetime",
}
#: A part of any of these names would be somebody's identity.
IDENTITY = re.compile(
    r"name|phone|number|urn|tel(?!l)|mobile|address|contact|chat|user|e_?mail|person|member|carer|birth|post_?code"
    r"|nhs|session|secret|key|hash|ip$|location|latitude"
)


def test_a_record_has_these_fields_and_no_others() -> None:
    assert {field.name: field.type for field in fields(EvaluationRecord)} == KNOWN


def test_the_one_table_has_a_column_for_each_field_and_no_other() -> None:
    assert list(metadata.tables) == ["records"]
    assert set(records.columns.keys()) == set(KNOWN)


@pytest.mark.parametrize("name", sorted({*KNOWN, *records.columns.keys(), records.name}))
def test_no_name_of_a_field_speaks_of_an_identity(name: str) -> None:
    assert not IDENTITY.search(name)


@pytest.mark.parametrize("name", ["first_name", "phone", "urn_key", "contact_id", "chat_id", "nhs_number", "post_code"])
def test_the_words_of_an_identity_are_known(name: str) -> None:
    assert IDENTITY.search(name)


def test_no_column_could_hold_more_than_its_field_says() -> None:
    kinds = {"str": (String, Text), "int": (Integer,), "bool": (Boolean,), "datetime": (DateTime,)}
    for name, kind in KNOWN.items():
        assert isinstance(records.c[name].type, kinds[kind])
    assert not any(column.foreign_keys for column in records.columns)


def test_the_room_knows_nothing_of_the_operational_store() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(str(evaluation.__file__)).parent.rglob("*.py")]
    assert len(sources) > 3
    for source in sources:
        assert not re.search(r"^\s*(from|import) (store|domain|flows|bot|scheduler|config)\b", source, re.MULTILINE)
