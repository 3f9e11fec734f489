"""A process that has loaded the program once and forks for each command, which so begins a second sooner.

`python -m tests.forking SOCKET` listens there until its standard input ends. Who connects sends one message, the words
as JSON, with three files for standard input, output and error; the answer is the exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn, TypedDict

from bot.__main__ import COMMANDS, main, module_of

_LONGEST = 1 << 20


class Asked(TypedDict):
    """What a caller sends, as JSON."""

    folder: str
    env: dict[str, str]
    words: list[str]


def listen(path: Path) -> None:
    """Returns when nobody holds the other end of standard input any more."""
    for name in COMMANDS:
        importlib.import_module(module_of(name))
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(f"{path}.soon")
        listening.listen()
        Path(f"{path}.soon").rename(path)
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            caller, _ = listening.accept()
            with caller:
                if os.fork() == 0:
                    listening.close()
                    _answer(caller)


def _answer(caller: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(caller, _LONGEST, 3)
    if (child := os.fork()) == 0:
        caller.close()
        _become(json.loads(message), files)
    _, status = os.waitpid(child, 0)
    caller.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(asked: Asked, files: list[int]) -> NoReturn:
    """`mime` with these words, in that folder and environment."""
    for n, file in enumerate(files):
        os.dup2(file, n)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["mime", *asked["words"]]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    listen(Path(sys.argv[1]))
