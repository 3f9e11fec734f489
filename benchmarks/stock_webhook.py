"""The peer of our webhook: Starlette's form and Twilio's RequestValidator as documented; it stores nothing.

Served by uvicorn with the same settings as the product.
"""

from __future__ import annotations

import argparse
import importlib.util

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from benchmarks.signed_texts import PATH
from benchmarks.standins.twilio import AUTH_TOKEN
from benchmarks.telling import NotMeasured

_validator = RequestValidator(AUTH_TOKEN)


def check_it_can_run() -> None:
    """Raises NotMeasured without the package with which Starlette reads forms."""
    if importlib.util.find_spec("python_multipart") is None:
        raise NotMeasured("Starlette reads no form without the package python-multipart, which is not installed")


async def inbound(request: Request) -> Response:
    form = await request.form()
    if not _validator.validate(str(request.url), form, request.headers.get("X-Twilio-Signature", "")):
        return PlainTextResponse("wrong signature", status_code=403)
    return Response(str(MessagingResponse()), media_type="text/xml")


async def readyz(request: Request) -> Response:
    return PlainTextResponse("ok")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stock_webhook", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(
        Starlette(routes=[Route(PATH, inbound, methods=["POST"]), Route("/readyz", readyz)]),
        host="127.0.0.1",
        port=given.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
