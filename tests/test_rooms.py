"""The rooms' contracts: who may import whom, as pyproject.toml has it; kept here, and broken on purpose in a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.process import ROOT

_CONFIGURED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in _CONFIGURED["contracts"]]
ROOMS = _CONFIGURED["root_packages"]
#: For each contract a line that breaks it, and the file in which it would stand.
BREAKS = {
    "Rooms: imports run downhill": ("store/vault.py", "import bot.app"),
    "The engine is sans-IO": ("flows/engine.py", "import asyncio"),
    "Only the composition root and the commands read settings": ("scheduler/plan.py", "import config.settings"),
    "An adapter translates: it knows no store and no flow": ("bot/channels/base.py", "import store.tables"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_room_keeps_its_contracts() -> None:
    linted = lint(ROOT)
    assert linted.returncode == 0, linted.stdout
    for name in CONTRACTS:
        assert f"{name} KEPT" in linted.stdout


def test_every_folder_of_code_is_a_room() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} == set(ROOMS)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy in which each contract is broken once."""
    folder = tmp_path_factory.mktemp("rooms")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, line in BREAKS.values():
        path = folder / file
        path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    linted = lint(folder)
    assert linted.returncode == 1
    return linted.stdout


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_that_is_broken_is_noticed(name: str, broken: str) -> None:
    assert name in BREAKS, "say here how this contract would be broken"
    assert f"{name} BROKEN" in broken
