"""People who go through a whole check-in by webhook, by SMS or Telegram: what they say, and how providers bring it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
import orjson

from benchmarks.standins.telegram import TelegramStandin
from benchmarks.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER_OF_OURS, TwilioStandin
from bot.channels.twilio import signature

SECRET = "a-secret-token"
BASE = "https://mime.example.org"
SCALES = ("content", "matters", "mood", "worry", "heard", "belonging")
#: The questions that words answer, by the place of those words in what a person says.
NAMES = {**dict(enumerate(SCALES, start=2)), 8: "comment", 9: "again"}
#: A word of each question that no other text of the check-in has.
ASKED = ("May we ask", "How content", "things you do matter", "How good has", "How much have you worried",
         "listen to you", "feel part of", "anything else", "ask you again", "Your answers are safe")  # fmt: skip


@dataclass
class Person:
    """Somebody who answers each question once, when it comes, and brings a message again until it is taken."""

    number: int
    acknowledged: dict[str, str] = field(default_factory=dict)

    @property
    def by_sms(self) -> bool:
        return self.number % 2 == 0

    @property
    def address(self) -> str:
        return f"+447700900{self.number // 2:03}" if self.by_sms else str(100_000 + self.number)

    def words(self) -> list[str]:
        """What they say to each question in turn."""
        values = [str((self.number * 7 + n * 3) % 11) for n in range(6)]
        return ["CHECKIN", "yes", *values, f"words of {self.number}", "no"]

    def heard(self, telegram: TelegramStandin, twilio: TwilioStandin) -> list[str]:
        """What they were told, as the providers' stand-ins took it."""
        if self.by_sms:
            return [message.body for message in twilio.sent_to(self.address)]
        return [message.text for message in telegram.messages(int(self.address))]

    def says(self, url: str, n: int, update_id: int) -> httpx.Request:
        """Their n-th words, as the provider brings them: under the same name each time."""
        return self._sms(url, n) if self.by_sms else self._update(url, n, update_id)

    def _sms(self, url: str, n: int) -> httpx.Request:
        form = [
            ("MessageSid", f"SM{self.number:024x}{n:08x}"), ("AccountSid", ACCOUNT_SID), ("From", self.address),
            ("To", NUMBER_OF_OURS), ("Body", self.words()[n]), ("NumMedia", "0"),
        ]  # fmt: skip
        path = "/webhooks/twilio/inbound"
        headers = {
            "X-Twilio-Signature": signature(AUTH_TOKEN, BASE + path, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return httpx.Request("POST", url + path, content=urlencode(form), headers=headers)

    def _update(self, url: str, n: int, update_id: int) -> httpx.Request:
        who = {"id": int(self.address), "is_bot": False, "first_name": "P", "language_code": "en"}
        chat = {"id": int(self.address), "type": "private", "first_name": "P"}
        message = {"message_id": update_id, "date": 1, "chat": chat, "from": who, "text": self.words()[n]}
        return httpx.Request(
            "POST",
            f"{url}/webhooks/telegram",
            content=orjson.dumps({"update_id": update_id, "message": message}),
            headers={"X-Telegram-Bot-Api-Secret-Token": SECRET},
        )


def repeats(heard: list[str]) -> int:
    return len(heard) - len(set(heard))
