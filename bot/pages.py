"""A page of ours behind a link: without a script, with nothing from elsewhere, kept and found by nobody on the way."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_STYLE = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action {{}}; frame-ancestors 'none'"
)
#: No script, nothing from elsewhere, in no frame; and no address of such a page in anybody's log or index.
HEADERS = {
    "Content-Security-Policy": _POLICY.format("'none'"),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
#: The same for a page with a form.
FORM_HEADERS = HEADERS | {"Content-Security-Policy": _POLICY.format("'self'")}
#: What `secrets.token_urlsafe` makes.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")

_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def is_token(text: str) -> bool:
    """Whether it can be the token of a link."""
    return _TOKEN.fullmatch(text) is not None


def show(template: str, status: int = 200, headers: dict[str, str] = HEADERS, **context: object) -> HTMLResponse:
    """The page that the template makes of the context."""
    # the style is of our own making, and stands in the page as its hash in the headers has it
    html = _environment.get_template(template).render(style=Markup(_STYLE), **context)
    return HTMLResponse(html, status, headers)
