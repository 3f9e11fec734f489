"""The files under docs/operations fit the program: the metrics that it really exposes, its settings, its commands."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from bot.__main__ import COMMANDS
from bot.app import asgi
from config.settings import Settings
from flows.library import Library
from tests.bot.live import Live, app_on, live
from tests.conftest import Clock

pytestmark = [  # the stand-ins' clients, as in tests/bot/test_sender.py
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT / "docs" / "operations"
_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_SELECTED = re.compile(r"\b(mime_\w+|up)\b(?:\{([^}]*)\})?")
_SETTINGS = {f"MIME_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture
async def world(tmp_path: Path, flows: Library, clock: Clock) -> AsyncIterator[Live]:
    """With both channels, and Ann in the middle of a check-in; nothing is sent yet."""
    urls = (f"sqlite+aiosqlite:///{tmp_path}/a.db", f"sqlite+aiosqlite:///{tmp_path}/b.db")
    async with live(urls, flows, clock) as world:
        for words in ("CHECKIN", "yes", "7"):
            await world.say("tel:+447700900101", words)
        yield world


async def exposed(world: Live) -> dict[str, dict[tuple[str, ...], float]]:
    """The samples of /metrics: by name, by the values of their labels."""
    inner: Any = asgi(world.app, role="all")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url="http://mime.example.org") as http:
        answer = await http.get("/metrics")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for line in answer.text.splitlines():
        if not line.startswith("#") and (sample := _SAMPLE.fullmatch(line)):
            labels = tuple(re.findall(r'\w+="([^"]*)"', sample[2] or ""))
            found.setdefault(sample[1], {})[labels] = float(sample[3])
    return found


def expressions() -> dict[str, str]:
    """What the dashboard and the alerts ask for, by what asks."""
    panels = json.loads((FILES / "grafana-dashboard.json").read_text("utf-8"))["panels"]
    asked = {f"{one['title']} {target['refId']}": target["expr"] for one in panels for target in one["targets"]}
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text("utf-8"))["groups"]
    return asked | {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


async def test_the_dashboard_and_the_alerts_ask_only_for_what_is_there(world: Live) -> None:
    there = await exposed(world)
    labels = await labels_of(world)
    asked = expressions()
    assert len(asked) > 15
    for what, expression in asked.items():
        selected = _SELECTED.findall(expression)
        assert selected, what
        for name, matchers in selected:
            assert name == "up" or name in there, what
            used = set(re.findall(r"(\w+)=", matchers)) | {
                word for inside in re.findall(r"by \(([^)]*)\)", expression) for word in re.split(r", ?", inside)
            }
            assert name == "up" or used <= labels[name], what


async def test_nothing_that_is_exposed_is_left_out_of_the_dashboard_and_the_alerts(world: Live) -> None:
    asked = " ".join(expressions().values())
    assert [name for name in await exposed(world) if name not in asked] == []


async def labels_of(world: Live) -> dict[str, set[str]]:
    inner: Any = asgi(world.app, role="all")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url="http://mime.example.org") as http:
        text = (await http.get("/metrics")).text
    return {
        name: {label for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))
               for label in re.findall(r"(\w+)=\"", line)}
        for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)
    }  # fmt: skip


async def test_the_age_of_what_waits_is_that_of_its_class_and_ends_with_it(world: Live) -> None:
    world.clock.forward(timedelta(seconds=90))
    there = await exposed(world)
    assert there["mime_outbox_age_seconds"][("reply",)] == 90
    assert there["mime_outbox_age_seconds"][("crisis",)] == 0
    assert there["mime_export_lag_seconds"][()] == 90
    assert there["mime_account_refused"] == {("telegram",): 0, ("sms",): 0}
    await world.send("sms")
    assert (await exposed(world))["mime_outbox_age_seconds"][("reply",)] == 0


async def test_an_account_that_is_refused_is_seen_until_it_is_mended(world: Live, flows: Library) -> None:
    wrong = world.app.settings.model_copy(update={"twilio_auth_token": SecretStr("a wrong one")})
    other = app_on(wrong, flows, world.clock, seed=8)
    refused = Live(other, world.clock, telegram=world.telegram, twilio=world.twilio)
    try:
        await refused.send("sms")
        assert (await exposed(refused))["mime_account_refused"] == {("telegram",): 0, ("sms",): 1}
    finally:
        await other.close()
    world.clock.forward(timedelta(minutes=1))
    await world.send("sms")
    assert (await exposed(world))["mime_account_refused"][("sms",)] == 0


def test_each_alert_says_what_people_notice_and_what_to_do() -> None:
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        for command in re.findall(r"\bmime ([a-z]+)", " ".join(rule["annotations"].values())):
            assert command in (*COMMANDS, "again", "does"), rule["alert"]


def test_prometheus_asks_at_the_port_that_mime_answers_at() -> None:
    asked = yaml.safe_load((FILES / "prometheus.yaml").read_text("utf-8"))
    (job,) = asked["scrape_configs"]
    assert job["job_name"] == "mime"
    assert [(FILES / name).exists() for name in asked["rule_files"]] == [True]
    assert f"reverse_proxy {job['static_configs'][0]['targets'][0]}" in (FILES / "Caddyfile").read_text("utf-8")


def test_the_service_runs_a_command_of_ours_with_settings_of_ours() -> None:
    unit = (FILES / "mime.service").read_text("utf-8")
    assert set(re.findall(r"^Environment=(\w+)=", unit, re.MULTILINE)) <= _SETTINGS
    assert re.search(r"^ExecStart=/srv/mime/\.venv/bin/mime serve --host 127\.0\.0\.1 --port 8000$", unit, re.MULTILINE)
    stores = re.findall(r"sqlite\+aiosqlite:///(/\S+)", unit)
    assert all(store.startswith("/var/lib/mime/") for store in stores)
    assert len(stores) == 2
    for hardening in ("NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "UMask=0077"):
        assert hardening in unit


async def test_systemd_itself_finds_nothing_wrong_with_the_service(tmp_path: Path) -> None:
    """Where there is no systemd, the lines are looked at as far as anybody can: each is a key and a value."""
    unit = (FILES / "mime.service").read_text("utf-8")
    lines = [line for line in unit.splitlines() if line and not line.startswith(("#", "["))]
    assert [line for line in lines if not re.fullmatch(r"[A-Z]\w+=.*", line)] == []
    if shutil.which("systemd-analyze") is None:
        return
    copy = tmp_path / "mime.service"
    copy.write_text(unit.replace("/srv/mime/.venv/bin/mime", sys.executable), "utf-8")
    verify = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = await asyncio.to_thread(subprocess.run, verify, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if copy.name in line] == []


def test_the_containers_run_commands_of_ours_with_settings_of_ours() -> None:
    compose = yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    assert {name: services[name]["command"][0] for name in ("migrate", "mime")} == {
        "migrate": "migrate",
        "mime": "serve",
    }
    for name in ("migrate", "mime"):
        assert set(services[name]["environment"]) <= _SETTINGS
        assert services[name]["build"]["dockerfile"] == "docs/operations/Containerfile"
        assert (FILES / services[name]["build"]["context"]).resolve() == ROOT
    assert services["mime"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "ports" not in services["database"]
    mounted = [one for service in services.values() for one in service.get("volumes", ())]
    assert {one.split(":")[0] for one in mounted if not one.startswith(".")} == set(compose["volumes"])
    assert all((FILES / one.split(":")[0]).exists() for one in mounted if one.startswith("."))
    stores = {
        services["mime"]["environment"][f"MIME_{which}DATABASE_URL"].rpartition("/")[2] for which in ("", "EVALUATION_")
    }
    assert stores == {services["database"]["environment"]["POSTGRES_DB"], "evaluation"}
    assert "CREATE DATABASE evaluation" in compose["configs"]["second_store"]["content"]


def test_the_image_is_made_of_what_is_there_and_does_not_run_as_root() -> None:
    text = (FILES / "Containerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())
    assert text.index("USER mime") < text.index("ENTRYPOINT")
    assert set(re.findall(r"(MIME_\w+)=", text)) <= _SETTINGS
    assert json.loads(re.findall(r"^CMD (.*)$", text, re.MULTILINE)[-1])[0] in COMMANDS
    assert {".env", ".git", "*.db*"} <= set((ROOT / ".dockerignore").read_text("utf-8").split())


@pytest.mark.parametrize("name", ["Caddyfile", "Caddyfile.compose"])
def test_what_says_how_we_are_is_not_for_everybody(name: str) -> None:
    text = (FILES / name).read_text("utf-8")
    assert text.count("{\n") == len(re.findall(r"^\s*\}$", text, re.MULTILINE))
    assert re.search(r"@ours path /metrics /readyz\n\s+respond @ours 404", text)
    assert not re.search(r"^\s*log\b", text, re.MULTILINE)
