"""All flows in all languages, as loaded at start: what the dispatcher looks things up in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.distress import Screen
from flows.localized import LocalFlow
from flows.model import Flow
from flows.phrases import Phrases
from flows.words import Lexicon

SOURCE_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """A language we ship. `reviewed_by` is None while its catalogue is a draft. `like`: people answer and steer in
    it with the words of that other language, of which it is a variant, and call it by one of `names`.
    """

    tag: str
    name: str
    english_name: str
    reviewed_by: str | None = None
    right_to_left: bool = False
    like: str | None = None
    names: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return "draft" if self.reviewed_by is None else f"reviewed by {self.reviewed_by}"


@dataclass(frozen=True, slots=True, repr=False)
class Library:
    """`spoken` are the languages we may write in now: the reviewed ones, and drafts where allowed. It has no repr of
    its own: that would be megabytes of text.
    """

    flows: Mapping[str, Flow]
    languages: Mapping[str, Language]
    spoken: tuple[str, ...]
    localized: Mapping[tuple[str, str], LocalFlow]
    phrases: Mapping[str, Phrases]
    words: Mapping[str, Lexicon]
    starts: Mapping[str, str]
    distress: Screen = field(default_factory=Screen)

    def language(self, wished: str | None) -> str:
        """The language to write in, for somebody who wishes that one."""
        return wished if wished in self.spoken else SOURCE_LANGUAGE

    def flow(self, id: str, language: str | None) -> LocalFlow | None:
        return self.localized.get((id, self.language(language)))
