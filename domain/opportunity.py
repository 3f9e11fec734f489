"""What people may put themselves forward for beside events: a panel, an interview, an assessment, a course."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from domain.event import Criterion, Texts


class OpportunityKind(StrEnum):
    """The kinds of opportunities that a project passes on."""

    TENDER_PANEL = "tender_panel"
    STAFF_INTERVIEW = "staff_interview"
    LAY_ASSESSOR = "lay_assessor"
    OUTSIDE_TRAINING = "outside_training"


class OpportunityState(StrEnum):
    """A draft is seen by the team only; people may ask for a published one until it is closed, because its time is
    over, or withdrawn, because it is not to be.
    """

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """`number` is what the team calls it. `criteria` say whom it is for, `payment` what people get for it and what
    becomes of their benefits. `explanation` is why it was withdrawn, in words for those who asked.

    Raises ValueError where `closes_at` has no zone.
    """

    id: int
    number: int
    kind: OpportunityKind
    title: Texts
    closes_at: datetime
    about: Texts = field(default_factory=dict)
    criteria: tuple[Criterion, ...] = ()
    payment: Texts = field(default_factory=dict)
    state: OpportunityState = OpportunityState.DRAFT
    explanation: Texts = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.closes_at.utcoffset() is None:
            raise ValueError("expected a time with a zone")

    @property
    def open(self) -> bool:
        """Whether people may put themselves forward."""
        return self.state is OpportunityState.PUBLISHED

    def at(self, now: datetime) -> Opportunity:
        """As it is by now: a published one closes by itself when its time is over."""
        return replace(self, state=OpportunityState.CLOSED) if self.open and self.closes_at <= now else self
