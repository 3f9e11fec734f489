"""Newsletters on the web: one behind the link of a message, and the archive that anybody may read. Read only.

An address names a newsletter and a language and never a person: it cannot tell who opened it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.pages import show
from domain.newsletter import first_day
from domain.value import value
from flows.library import SOURCE_LANGUAGE
from flows.newsletter import Issue, month_in
from store import issues
from store.database import Database
from store.newsletter_rules import Press
from store.vault import Vault

#: What makes the token of a page; with no letter or digit that can be taken for another.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH = 8
_TOKEN = re.compile(rf"([{ALPHABET}]{{{LENGTH}}})(?:-([a-z]+(?:-[a-z]+)?))?")


def routes(database: Database, vault: Vault, press: Press, clock: Callable[[], datetime]) -> list[BaseRoute]:
    pages = _Pages(database, vault, press, clock)
    return [
        Route("/n/{token}", pages.newsletter),
        Route("/news", pages.archive),
        Route("/news/{language}", pages.archive),
        Route("/news/{language}/{month}", pages.month),
    ]


@value
class Elsewhere:
    """A link to the same in another language."""

    tag: str
    name: str
    direction: str
    address: str


@dataclass(frozen=True, slots=True)
class _Pages:
    database: Database
    vault: Vault
    press: Press
    clock: Callable[[], datetime]

    async def newsletter(self, request: Request) -> Response:
        found = _TOKEN.fullmatch(request.path_params["token"])
        if found is None:
            return _gone()
        async with self.database.read() as connection:
            sent = await issues.opened(connection, self.press, self.vault, found[1])
        language = found[2] or SOURCE_LANGUAGE
        if sent is None or not self._can(sent.issue, language):
            return _gone()
        return self._show(sent.issue, language, {tag: f"/n/{found[1]}-{tag}" for tag in self._languages(sent.issue)})

    async def archive(self, request: Request) -> Response:
        """A list of the months of which something is public."""
        language = request.path_params.get("language", SOURCE_LANGUAGE)
        if language not in self.press.library.spoken:
            return _gone()
        async with self.database.read() as connection:
            months = await issues.public_months(connection, self.clock())
        phrases = self.press.library.phrases[language]
        addresses = {tag: f"/news/{tag}" for tag in self.press.library.spoken}
        return show(
            "news_archive.html",
            tag=language,
            direction=self._direction(language),
            title=phrases.news_earlier,
            phrases=phrases,
            months=[(month_in(one, language), f"/news/{language}/{one}") for one in months],
            elsewhere=self._elsewhere(language, addresses),
        )

    async def month(self, request: Request) -> Response:
        """What is public of one month."""
        language, month = request.path_params["language"], request.path_params["month"]
        try:
            first_day(month)
        except ValueError:
            return _gone()
        async with self.database.read() as connection:
            issue = await issues.public_issue(connection, self.press, self.vault, month, self.clock())
        if issue is None or not self._can(issue, language):
            return _gone()
        return self._show(issue, language, {tag: f"/news/{tag}/{month}" for tag in self._languages(issue)})

    def _can(self, issue: Issue, language: str) -> bool:
        return language in self._languages(issue)

    def _languages(self, issue: Issue) -> list[str]:
        """Those it can be read in; English in any case, in which somebody of the team wrote it."""
        return [tag for tag in self.press.library.spoken if tag == SOURCE_LANGUAGE or issue.speaks(tag)]

    def _direction(self, language: str) -> str:
        return "rtl" if self.press.library.languages[language].right_to_left else "ltr"

    def _elsewhere(self, language: str, addresses: dict[str, str]) -> list[Elsewhere]:
        there = self.press.library.languages
        return [
            Elsewhere(tag, there[tag].name, self._direction(tag), address)
            for tag, address in addresses.items()
            if tag != language
        ]

    def _show(self, issue: Issue, language: str, addresses: dict[str, str]) -> Response:
        phrases = self.press.library.phrases[language]
        return show(
            "newsletter.html",
            tag=language,
            direction=self._direction(language),
            title=issue.head(language, phrases),
            phrases=phrases,
            items=[issue.shown(one, language) for one in issue.items],
            theirs=issue.theirs,
            archive=f"/news/{language}",
            elsewhere=self._elsewhere(language, addresses),
        )


def _gone() -> Response:
    return show("news_gone.html", 404, tag=SOURCE_LANGUAGE, direction="ltr", title="There is no news at this address")
