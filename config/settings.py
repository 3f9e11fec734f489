"""The settings, from the environment or `.env`, each with the prefix MIME_. The only reader of either."""

from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.holidays import bank_holidays
from domain.quiet import QuietHours


class SettingsError(Exception):
    """A setting is wrong. The message names it and says what to do; it never holds a secret."""


def _hours(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if not text.strip():
        return None
    if not (found := re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*", text)):
        raise ValueError("expected two times such as 20:00-09:00, or nothing for no quiet hours")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    return time(start_hour, start_minute), time(end_hour, end_minute)


def _or_none(text: Any) -> Any:
    return None if isinstance(text, str) and not text.strip() else text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # the library's own is a KeyError
        raise ValueError(f"{name!r} is no time zone; expected one such as Europe/London") from error
    return name


def _url(text: str) -> str:
    if text and not re.match(r"https?://[^/\s]+", text):
        raise ValueError("expected an address that begins with https:// or http://")
    return text.rstrip("/")


def _database(text: str) -> str:
    """Plain PostgreSQL addresses, as hosting companies give them, get the driver that we use."""
    found = re.match(r"(postgres|postgresql|postgresql\+psycopg|sqlite|sqlite\+aiosqlite)://", text)
    if not found:
        raise ValueError("expected sqlite+aiosqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE")
    if found[1].startswith("sqlite"):
        return "sqlite+aiosqlite" + text[len(found[1]) :]
    return _hosts_apart("postgresql+psycopg" + text[len(found[1]) :])


def _hosts_apart(address: str) -> str:
    """Several hosts, in whichever way they are written, as SQLAlchemy takes them: `?host=A:PORT&host=B:PORT`.

    libpq itself has them before the database (`//A:PORT,B:PORT/DATABASE`, its documentation, "Connection URIs").
    """
    parts = urlsplit(address)
    query = parse_qsl(parts.query, keep_blank_values=True)
    user, at, before = parts.netloc.rpartition("@")
    hosts = [host for name, value in query if name == "host" for host in value.split(",")]
    ports = [port for name, value in query if name == "port" for port in value.split(",")]
    if "," in before:
        hosts, before = before.split(",") + hosts, ""
    if len(hosts) < 2:
        _ = parts.port  # a ValueError where it is no number
        return address
    if ports:
        if len(ports) not in (1, len(hosts)) or any(re.search(r":\d+$", host) for host in hosts):
            raise ValueError(f"expected as many ports as hosts, or one for all; {_SEVERAL}")
        hosts = [f"{host}:{port}" for host, port in zip(hosts, ports * len(hosts), strict=False)]
    for host in hosts:
        if before or not re.fullmatch(r"[\w.-]+(:\d+)?", host):
            raise ValueError(f"{before or host!r} is no host with its port; {_SEVERAL}")
        if hosts.count(host) > 1:
            raise ValueError(f"{host!r} stands there twice; {_SEVERAL}")
    apart = [("host", host) for host in hosts] + [pair for pair in query if pair[0] not in ("host", "port")]
    # whichever of them writes just now, and one that is cut off is not waited for
    for name, value in (("target_session_attrs", "read-write"), ("connect_timeout", "2")):
        if name not in dict(query):
            apart.append((name, value))
    return f"{parts.scheme}://{user}{at}{parts.path}?{urlencode(apart, safe=':/')}"


_SEVERAL = "several hosts are written postgresql+psycopg://USER@HOST:PORT,HOST:PORT/DATABASE"


def _bot_name(name: str) -> str:
    """Telegram's rule for user names: 5 to 32 letters, digits and _ (its FAQ on user names)."""
    name = name.strip().removeprefix("@")
    if name and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{4,31}", name):
        raise ValueError("expected the bot's user name at Telegram, such as mime_essex_bot")
    return name


_Url = Annotated[str, AfterValidator(_url)]
_Database = Annotated[str, AfterValidator(_database)]


class Settings(BaseSettings):
    """Every setting there is; `config/example.env` explains each in a line."""

    model_config = SettingsConfigDict(env_prefix="MIME_", env_file=".env", extra="ignore", frozen=True)

    database_url: _Database = "sqlite+aiosqlite:///mime.db"
    evaluation_database_url: _Database = "sqlite+aiosqlite:///evaluation.db"
    secret_key: SecretStr = SecretStr("")
    public_base_url: _Url = ""

    telegram_bot_token: SecretStr = SecretStr("")
    telegram_webhook_secret: SecretStr = SecretStr("")
    telegram_api_base: _Url = "https://api.telegram.org"
    telegram_mode: Literal["webhook", "polling"] = "webhook"
    telegram_bot_name: Annotated[str, AfterValidator(_bot_name)] = ""

    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_from: str = ""
    twilio_messaging_service_sid: str = ""
    twilio_api_base: _Url = "https://api.twilio.com"

    quiet_hours: Annotated[tuple[time, time] | None, BeforeValidator(_hours)] = (time(20), time(9))
    #: Of England (config/bank_holidays.yaml); reminders of an event go out on them in any case.
    send_on_bank_holidays: bool = False
    timezone: Annotated[str, AfterValidator(_zone)] = "Europe/London"
    contact_phone: str = ""
    #: Where people find help at any time, in the texts of every language; `crisis_checked` is when somebody last
    #: called them to see that they are right (`mime check` says when that is too long ago).
    crisis_emergency: str = "999"
    crisis_health_line: str = "111"
    crisis_health_option: str = "2"
    crisis_listeners: str = "116 123"
    crisis_text_word: str = "SHOUT"
    crisis_text_number: str = "85258"
    crisis_checked: date = date(2026, 11, 23)
    allow_test_numbers: bool = False
    allow_draft_translations: bool = False

    #: Whether a crisis text or a reminder that does not arrive goes to another phone or account of the same person.
    fall_back: bool = True

    #: Our own pacing, never above the providers' limits in any second as they see it: Telegram's are about 30 a
    #: second over all and one a second in a chat (Bots FAQ); a Twilio long code sends about one segment a second.
    telegram_messages_per_second: Annotated[float, Field(gt=0)] = 30
    telegram_seconds_per_chat: Annotated[float, Field(ge=0)] = 1
    sms_segments_per_second: Annotated[float, Field(gt=0)] = 1
    #: What an SMS segment costs, in pence, and what a month of them may cost; empty: no limit. A broadcast that would
    #: cost more is not begun.
    sms_segment_pence: Annotated[float, Field(ge=0)] = 4.0
    monthly_cap_pence: Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_or_none)] = None
    #: Whether a second person of the team must approve a broadcast.
    broadcasts_need_two_people: bool = False
    #: How many SMS segments one item of the newsletter may take.
    newsletter_item_segments: Annotated[int, Field(ge=1, le=10)] = 3
    export_every_seconds: Annotated[float, Field(gt=0)] = 60
    #: How long what people said is kept, in calendar months (docs/howto/rights-and-retention.md says why so long).
    keep_messages_months: Annotated[int, Field(ge=1)] = 12
    keep_answers_months: Annotated[int, Field(ge=1)] = 72
    keep_alerts_months: Annotated[int, Field(ge=1)] = 24
    keep_silent_people_months: Annotated[int, Field(ge=1)] = 36

    @property
    def numbers(self) -> dict[str, str]:
        """What fills the project's blanks in texts: the numbers to call, by the names of the blanks."""
        return {
            "phone": self.contact_phone,
            "emergency": self.crisis_emergency,
            "health_line": self.crisis_health_line,
            "health_option": self.crisis_health_option,
            "listeners": self.crisis_listeners,
            "text_word": self.crisis_text_word,
            "text_number": self.crisis_text_number,
        }

    @property
    def quiet(self) -> QuietHours:
        """Raises ValueError for a fault in the file of bank holidays."""
        start, end = self.quiet_hours or (time(0), time(0))
        holidays = frozenset() if self.send_on_bank_holidays else bank_holidays().days
        return QuietHours(start, end, ZoneInfo(self.timezone), holidays)

    @property
    def telegram_on(self) -> bool:
        return bool(self.telegram_bot_token.get_secret_value())

    @property
    def twilio_on(self) -> bool:
        return bool(
            self.twilio_account_sid
            and self.twilio_auth_token.get_secret_value()
            and (self.twilio_from or self.twilio_messaging_service_sid)
        )


def read_settings(env_file: Path | None = Path(".env"), **given: Any) -> Settings:
    """The settings in force; `given` ones win. Raises SettingsError with every fault, a line each."""
    try:
        return Settings(_env_file=env_file, **given)
    except ValidationError as error:
        lines = [
            f"MIME_{'_'.join(map(str, e['loc'])).upper()}: {str(e['msg']).removeprefix('Value error, ')}"
            for e in error.errors(include_input=False)
        ]
        raise SettingsError("\n".join(lines)) from error
