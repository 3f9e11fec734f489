"""Recorded pairs: what each provider sends us and the facts it gives, what we send and what comes of it.

One suite for all channels: a folder here is a channel, with `incoming.json` and `outgoing.json`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from benchmarks.standins.serving import Answer, Request, loopback
from bot.channels import base, telegram, twilio
from bot.channels.base import Channel, MalformedRequest, SendError
from bot.channels.simulated import Simulated
from bot.channels.telegram import Telegram
from bot.channels.twilio import Twilio
from domain.contact import URN
from domain.message import Attachment, BlockingChanged, DeliveryReport, MessageClass, OutgoingMessage, Received
from tests.process import free_port

pytestmark = [
    # twilio 9.13 calls aiohttp in a way that aiohttp 4 will drop; python-telegram-bot announces a new type
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type.*"),
]

HERE = Path(__file__).resolve().parent
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
#: Seconds that a provider may take to answer, here; the program waits longer.
PATIENCE = 0.3


Fact = Received | BlockingChanged | DeliveryReport


def receive_twilio(given: dict[str, Any]) -> list[Fact]:
    if given["door"] == "inbound":
        return [*twilio.receive_inbound(given["form"], frozenset({"+447700900000"}))]
    return [*twilio.receive_status(given["form"], given["m"])]


RECEIVE: dict[str, Callable[[Any], list[Fact]]] = {
    "telegram": lambda given: [*telegram.receive(given)],
    "twilio": receive_twilio,
}


def make_telegram(url: str) -> Channel:
    return Telegram("110201543:AAHtoken", url, timeout=PATIENCE)


def make_twilio(url: str) -> Channel:
    return Twilio(
        "AC0123456789abcdef0123456789abcdef",
        "a-token",
        url,
        from_="+447700900000",
        status_callback="https://mime.example.org/webhooks/twilio/status",
        timeout=PATIENCE,
    )


#: What each provider's medium is called in the program.
MEDIUM = {"telegram": "telegram", "twilio": "sms"}
MAKE: dict[str, Callable[[str], Channel]] = {"telegram": make_telegram, "twilio": make_twilio}


def pairs(file: str) -> list[Any]:
    """The pairs of all channels, each under its channel's name and its own."""
    return [
        pytest.param(folder.name, pair, id=f"{folder.name}: {pair['name']}")
        for folder in sorted(HERE.iterdir())
        if (folder / file).exists()
        for pair in json.loads((folder / file).read_text(encoding="utf-8"))
    ]


def test_every_channel_has_its_pairs() -> None:
    adapters = {file.stem for file in Path(str(base.__file__)).parent.glob("*.py")}
    assert adapters - {"__init__", "base", "http", "simulated"} == set(RECEIVE) == set(MAKE)
    for name in RECEIVE:
        assert {file.name for file in (HERE / name).iterdir()} == {"incoming.json", "outgoing.json"}


@pytest.mark.parametrize(("channel", "pair"), pairs("incoming.json"))
def test_a_request_gives_its_facts_or_its_fault(channel: str, pair: dict[str, Any]) -> None:
    if "fault" in pair:
        with pytest.raises(MalformedRequest) as raised:
            RECEIVE[channel](pair["given"])
        assert str(raised.value) == pair["fault"]
    else:
        facts = RECEIVE[channel](pair["given"])
        assert [written(fact) for fact in facts] == pair["facts"]
        assert {fact.channel for fact in facts} <= {MEDIUM[channel]}


def written(fact: Fact) -> dict[str, Any]:
    """The fact as the files have it."""
    row = {f.name: getattr(fact, f.name) for f in fields(fact) if f.name != "channel"}
    if "urn" in row:
        row["urn"] = str(row["urn"])
    return {"fact": type(fact).__name__, **row}


@dataclass
class Provider:
    """A provider on loopback: gives the recorded replies in turn, and keeps every request."""

    replies: list[Mapping[str, Any]]
    requests: list[dict[str, Any]] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def release(self) -> None:
        self.stopped.set()

    async def answer(self, request: Request) -> Answer | None:
        self.requests.append(
            {
                "method": request.method,
                "path": request.path,
                "authorization": request.headers.get("authorization", ""),
                "fields": fields_of(request),
            }
        )
        reply = self.replies[len(self.requests) - 1]
        if "dropped" in reply:
            return None
        if "silent" in reply:
            await self.stopped.wait()
            return None
        if "html" in reply:
            return Answer(reply["status"], reply["html"].encode(), "text/html")
        return Answer(reply["status"], json.dumps(reply["json"]).encode())


def fields_of(request: Request) -> dict[str, Any]:
    """The fields of a form; a file in it by its name, its media type and its words."""
    if request.media_type() != "multipart/form-data":
        return {name: opened(value) for name, value in parse_qsl(request.body.decode(), True)}
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    found = {}
    for part in message_from_bytes(head + request.body, policy=HTTP).iter_parts():
        name, file = part.get_param("name", header="content-disposition"), part.get_filename()
        content = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        text = content.decode()
        found[name] = opened(text) if file is None else {"name": file, "type": part.get_content_type(), "content": text}
    return found


def opened(value: str) -> Any:
    """A field of a form; one that holds JSON is opened, for its spaces say nothing."""
    return json.loads(value) if value.startswith("{") else value


@pytest.mark.parametrize(("name", "pair"), pairs("outgoing.json"))
async def test_a_message_makes_its_requests_and_has_its_end(name: str, pair: dict[str, Any]) -> None:
    provider = Provider([reply for reply in pair["replies"] if "refused" not in reply])
    async with loopback(provider) as url:
        if {"refused": True} in pair["replies"]:
            url = f"http://127.0.0.1:{free_port()}"
        channel = MAKE[name](url)
        try:
            end: dict[str, Any] = {"sent": asdict(await channel.send(outgoing(channel.name, pair["message"]), NOW))}
        except SendError as error:
            end = {"error": {"type": type(error).__name__, **vars(error)}}
        finally:
            await channel.close()
    assert provider.requests == pair["requests"]
    assert end == {key: pair[key] for key in ("sent", "error") if key in pair}


@pytest.mark.parametrize(("channel", "pair"), pairs("outgoing.json"))
async def test_the_simulated_channel_takes_what_the_real_one_is_given(channel: str, pair: dict[str, Any]) -> None:
    simulated = Simulated(channel)
    message = outgoing(channel, pair["message"])
    sent = await simulated.send(message, NOW)
    assert str(message.id) in sent.external_id
    assert simulated.cost(message) == 1


def outgoing(channel: str, given: Mapping[str, Any]) -> OutgoingMessage:
    return OutgoingMessage(
        given["id"],
        channel,
        1,
        URN.parse(given["urn"]),
        given["text"],
        MessageClass.REPLY,
        1,
        NOW + timedelta(seconds=given.get("valid_for", 14400)),
        tuple(tuple((label, token) for label, token in row) for row in given.get("buttons", ())),
        attachment=attached(given.get("attachment")),
    )


def attached(given: Mapping[str, str] | None) -> Attachment | None:
    return None if given is None else Attachment(given["name"], given["type"], given["content"].encode())
