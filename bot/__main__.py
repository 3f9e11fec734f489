"""The command `mime`: finds the command that was asked for and loads only what that one needs."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from bot.collecting import nothing_to_collect

#: In the order in which `mime --help` lists them.
COMMANDS = (
    "demo",
    "serve",
    "chat",
    "check",
    "migrate",
    "import",
    "export",
    "backup",
    "restore",
    "alerts",
    "calls",
    "team",
    "drill",
    "poster",
    "event",
    "broadcast",
    "newsletter",
    "opportunity",
    "people",
    "lint",
    "bench",
)
#: Of a command that no module can be named after: `import` is a word of Python's.
_MODULES = {"import": "members"}


def module_of(command: str) -> str:
    """The name of the module that has that command."""
    return f"bot.commands.{_MODULES.get(command, command)}"


class _Commands(TyperGroup):
    """`Any` where the types are of the click that typer carries inside."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        with nothing_to_collect():
            module = importlib.import_module(module_of(cmd_name))
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def mime() -> None:
    """Questionnaires and event booking by text message and Telegram, in people's own languages."""


def main() -> None:
    app()


if __name__ == "__main__":
    main()
