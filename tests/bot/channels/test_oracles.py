"""Our own reading of requests, held against the providers' libraries: python-telegram-bot and twilio."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import HTTP
from string import ascii_letters, digits
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import InputFile, Update
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator
from twilio.rest.api.v2010.account.message import MessageInstance

from benchmarks.standins import serving as standin_serving
from benchmarks.standins import telegram as standin_telegram
from benchmarks.standins.bot_api import Upload
from bot.channels import telegram
from bot.channels.twilio import is_signed, receive_status, signature
from domain.message import Blocking, BlockingChanged, Received
from tests.bot.channels.test_pairs import pairs

TOKEN = "a-token"


def updates() -> list[Any]:
    """The recorded updates that are no fault."""
    found = [param for param in pairs("incoming.json") if param.values[0] == "telegram" and "facts" in param.values[1]]
    return [pytest.param(param.values[1]["given"], id=param.id) for param in found]


@pytest.mark.parametrize("update", updates())
def test_an_update_reads_as_python_telegram_bot_reads_it(update: dict[str, Any]) -> None:
    theirs = Update.de_json(update, None)
    facts = telegram.receive(update)
    if not facts:
        assert is_not_ours(theirs)
        return
    (fact,) = facts
    assert not is_not_ours(theirs)
    assert fact.external_id == str(theirs.update_id)
    assert theirs.effective_user is not None
    chat = theirs.effective_chat or theirs.effective_user  # an inline message's chat is not told
    assert str(fact.urn) == f"telegram:{chat.id}"
    match fact:
        case Received(text=text, button=button, language=language):
            assert text == without_payload((theirs.message.text if theirs.message else "") or "")
            assert button == (theirs.callback_query.data if theirs.callback_query else None)
            assert language == theirs.effective_user.language_code
        case BlockingChanged(change=change):
            assert theirs.my_chat_member is not None
            gone = theirs.my_chat_member.new_chat_member.status in ("kicked", "left")
            assert change is (Blocking.BLOCKED if gone else Blocking.UNBLOCKED)


def is_not_ours(update: Update) -> bool:
    """A group, a bot, nobody, a game, or of a kind that we did not ask for."""
    if update.effective_chat is not None and update.effective_chat.type != "private":
        return True
    if update.effective_user is None or update.effective_user.is_bot:
        return True
    if update.callback_query is not None:
        return update.callback_query.data is None
    return update.message is None and update.my_chat_member is None


def without_payload(text: str) -> str:
    """A command without the bot's name, and /start without what came with it, if that is no token of a poster's."""
    text = re.sub(r"^(/\w+)@\w+", r"\1", text)
    return re.sub(r"^/start\s(?![\w-]{16,64}$).*", "/start", text)


class Several(dict[str, list[str]]):
    """A form with several values to a name, as web frameworks hand it to the library."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


_ANY = st.text(st.characters(codec="utf-8"), max_size=20)
_FORMS = st.dictionaries(_ANY, st.lists(_ANY, min_size=1, max_size=3), max_size=8)
_WORD = st.text(ascii_letters + digits + "-_.~%", max_size=12)
_URLS = st.builds(
    lambda scheme, port, path, query: (
        f"{scheme}://mime.example.org{port}/{'/'.join(path)}{'?' if query else ''}{urlencode(query)}"
    ),
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", ":8443"]),
    st.lists(_WORD, max_size=4),
    st.lists(st.tuples(_WORD, _ANY), max_size=3),
)


@settings(deadline=None, database=None, max_examples=300)
@given(_FORMS, _URLS, _ANY, st.sampled_from([HMAC_SHA1, HMAC_SHA256, "hmac_sha256"]))
def test_a_signature_is_the_library_s(form: dict[str, list[str]], url: str, token: str, algorithm: str) -> None:
    several = [(name, value) for name, values in form.items() for value in values]
    theirs = RequestValidator(token).compute_signature(url, Several(form), algorithm)
    assert signature(token, url, several, algorithm) == theirs
    assert is_signed(token, url, several, theirs, algorithm)


@settings(deadline=None, database=None, max_examples=300)
@given(_FORMS, _URLS, st.data())
def test_a_form_that_was_changed_by_one_character_is_signed_by_nobody(
    form: dict[str, list[str]], url: str, data: st.DataObject
) -> None:
    several = [(name, value) for name, values in form.items() for value in values]
    signed = signature(TOKEN, url, several)
    n = data.draw(st.integers(0, len(several)))
    changed = [*several[:n], ("Body", data.draw(_ANY)), *several[n:]]
    if set(changed) != set(several) and spelt(changed) != spelt(several):
        assert not is_signed(TOKEN, url, changed, signed)
    assert not is_signed(TOKEN, url + "x", several, signed)
    assert not is_signed("another-token", url, several, signed)
    assert not is_signed(TOKEN, url, several, signed, HMAC_SHA256)
    assert not is_signed(TOKEN, url, several, signed[:-2] + "x=")


def spelt(form: list[tuple[str, str]]) -> str:
    """What Twilio signs of a form: its way of writing cannot tell `ab`=`c` from `a`=`bc`."""
    return "".join(name + value for name, value in sorted(set(form)))


def test_an_algorithm_that_is_not_twilio_s_signs_nothing() -> None:
    form = [("Body", "hello")]
    with pytest.raises(ValueError, match="signature algorithms"):
        signature(TOKEN, "https://mime.example.org/", form, "HMAC_MD5")
    given = signature(TOKEN, "https://mime.example.org/", form)
    assert not is_signed(TOKEN, "https://mime.example.org/", form, given, "HMAC_MD5")
    assert not is_signed(TOKEN, "https://mime.example.org/", form, "é", HMAC_SHA1)


_FILE_NAMES = st.from_regex(r"[A-Za-z0-9 ąćاب_-]{1,20}\.(ics|pdf|txt)", fullmatch=True)
_CONTENTS = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.sampled_from([b"\r\n", b"--", b"\r\n--\r\n", b"--x--\r\n", b"a\r\n\r\nb", b'name="chat_id"']),
)


@settings(deadline=None, database=None, max_examples=100)
@given(_FILE_NAMES, _CONTENTS, st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40))
def test_a_file_is_written_and_read_as_both_libraries_have_it(name: str, content: bytes, caption: str) -> None:
    """As python-telegram-bot names it and httpx writes it, the stand-in and Python's own reader read it."""
    file = InputFile(content, filename=name)
    file.mimetype = "text/calendar"
    request = httpx.Request(
        "POST", "http://127.0.0.1/", data={"chat_id": "1", "caption": caption}, files={"document": file.field_tuple}
    )
    body, kind = request.read(), request.headers["content-type"]
    found = standin_telegram.given_by(standin_serving.Request("POST", "/", "", {"content-type": kind}, body))
    assert found == {"chat_id": "1", "caption": caption, "document": Upload(name, "text/calendar", content)}
    theirs = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
    read = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in theirs.iter_parts()
    }
    assert list(read) == ["chat_id", "caption", "document"]


def test_every_status_that_the_library_knows_is_understood() -> None:
    words = [word for name, word in vars(MessageInstance.Status).items() if not name.startswith("_")]
    assert len(words) > 10
    for word in words:
        assert len(receive_status({"MessageSid": "SM1", "MessageStatus": word}, None)) <= 1
