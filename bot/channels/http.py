"""The HTTP under both providers' client libraries: aiohttp, with time limits that hold.

python-telegram-bot's own layer gets slower with every request that is under way, and twilio's heeds no time limit
(docs/adr/0024-http-under-the-providers-libraries.md has the figures).
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from bot.channels.base import Throttled

#: The request was never made: no connection, or none in time.
UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_CONNECT = 5.0  # seconds
#: What a wait may be that a provider's answer asks for, in seconds; a longer one is an error in the answer.
_LONGEST_WAIT = 3600.0
_FORM = "application/x-www-form-urlencoded"


def _session(timeout: float, connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(_CONNECT, timeout)),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class TelegramRequest(BaseRequest):
    """For python-telegram-bot's `Bot`. Made inside the running loop; `timeout` is in seconds, of one call."""

    def __init__(self, timeout: float, connections: int) -> None:
        self._timeout = timeout
        self._session = _session(timeout, connections)

    @property
    def read_timeout(self) -> float:
        return self._timeout

    async def initialize(self) -> None:
        """Nothing: the connections are opened as they are needed."""

    async def shutdown(self) -> None:
        await self._session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Of the four time limits the one for reading counts, as that of the whole call."""
        given: dict[str, Any] = {}
        if isinstance(read_timeout, (int, float)):
            given["timeout"] = aiohttp.ClientTimeout(total=read_timeout, sock_connect=_CONNECT)
        fields = request_data.json_parameters if request_data else {}
        if request_data and request_data.contains_files:
            given["data"] = _multipart(fields, request_data)
        elif fields:
            given["data"] = urlencode(fields).encode("ascii")
            given["headers"] = {"Content-Type": _FORM}
        try:
            async with self._session.request(method, url, allow_redirects=False, **given) as answer:
                return answer.status, await answer.read()
        except TimeoutError as error:
            raise TimedOut from error
        except aiohttp.ClientError as error:
            raise NetworkError(type(error).__name__) from error


def _multipart(fields: Mapping[str, str], request_data: RequestData) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    for name, (file_name, content, media_type) in request_data.multipart_data.items():
        form.add_field(name, content, filename=file_name, content_type=media_type)
    return form


class TwilioHttp(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """For twilio's `Client`. Made inside the running loop; `timeout` is in seconds, of one call.

    Raises aiohttp's errors, TimeoutError, and Throttled where Twilio says how long to wait (Retry-After).
    """

    def __init__(self, timeout: float, connections: int) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._session = _session(timeout, connections)
        self._authorizations: dict[tuple[str, str], str] = {}

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's; ours holds for every call
        allow_redirects: bool = False,
    ) -> Response:
        given = dict(headers or {})
        if auth is not None:
            given["Authorization"] = self._authorization(auth)
        if params:
            uri += ("&" if "?" in uri else "?") + urlencode(params)
        body = None
        if data:
            body = urlencode(data).encode("ascii")
            given["Content-Type"] = _FORM
        async with self._session.request(method, uri, data=body, headers=given, allow_redirects=False) as answer:
            if answer.status == 429 and (seconds := wait_of(answer.headers.get("Retry-After", ""))) is not None:
                raise Throttled("429", seconds)
            return Response(answer.status, (await answer.read()).decode(), answer.headers)

    async def close(self) -> None:
        await self._session.close()

    def _authorization(self, auth: tuple[str, str]) -> str:
        """Of HTTP's Basic scheme (RFC 7617); made once for each account."""
        if auth not in self._authorizations:
            self._authorizations[auth] = "Basic " + b64encode(":".join(auth).encode()).decode("ascii")
        return self._authorizations[auth]


def wait_of(header: str) -> float | None:
    """The seconds of a Retry-After (RFC 9110, 10.2.3). None for none, and for a date: Twilio sends seconds."""
    return min(float(header), _LONGEST_WAIT) if header.isascii() and header.isdigit() else None
