"""The figure that a flow's answers add up to, by the rule written in the flow."""

from __future__ import annotations

from collections.abc import Mapping

from flows.conditions import Answer
from flows.model import Flow, Scale


def score(flow: Flow, answers: Mapping[str, Answer]) -> int | None:
    """0 to 100, halves rounded up; None where too few questions of the score were answered."""
    rule = flow.score
    if rule is None:
        return None
    parts: list[float] = []
    for name in rule.questions:
        question, answer = flow.question(name), answers.get(name)
        if isinstance(question, Scale) and isinstance(answer, int):
            part = (answer - question.minimum) / (question.maximum - question.minimum)
            parts.append(1 - part if name in rule.reverse else part)
    if len(parts) < rule.at_least:
        return None
    return int(100 * sum(parts) / len(parts) + 0.5)
