"""What a carer is told, for every scope, consent and kind of message: the whole table, written out."""

from __future__ import annotations

import itertools

import pytest

from domain.carer import Kind, Scope, carer_gets, may_answer

#: All that a carer ever gets. What is not here is a leak.
ALLOWED = {
    (Scope.REMINDERS, Kind.REMINDER),
    (Scope.HELP, Kind.REMINDER),
    (Scope.HELP, Kind.QUESTION),
    (Scope.ANSWER, Kind.REMINDER),
    (Scope.ANSWER, Kind.QUESTION),
}


@pytest.mark.parametrize(("scope", "kind", "agreed"), list(itertools.product(Scope, Kind, (True, False))))
def test_a_carer_gets_what_was_agreed_and_nothing_else(scope: Scope, kind: Kind, agreed: bool) -> None:
    assert carer_gets(scope, kind, agreed=agreed) is (agreed and (scope, kind) in ALLOWED)


@pytest.mark.parametrize(("scope", "agreed"), list(itertools.product(Scope, (True, False))))
def test_only_who_may_answer_answers(scope: Scope, agreed: bool) -> None:
    assert may_answer(scope, agreed=agreed) is (agreed and scope is Scope.ANSWER)
