"""Logs as JSON lines on standard error. People's words, names and numbers are never in them."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format='{"level": "warning", "event": "%(name)s"}')
    # libraries that would log addresses with tokens in them, people's numbers, or what is sent
    for name in ("httpx", "httpcore", "twilio", "telegram", "aiohttp", "sqlalchemy.engine"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
