"""Answers for the shell, many from one process: each question of the steps would else start a Python of its own.

Questions come on standard input and answers go to standard output, each ended by a NUL. A question is words parted by
the unit separator: `compare`, `policies` or `quoted` and its arguments, before them NAME=VALUE settings.
"""

import contextlib
import io
import json
import os
from collections.abc import Callable
from typing import Final

from infra import compare, policies


def quoted(arguments: list[str]) -> None:
    """Print a text as JSON has it, which is YAML as well."""
    print(json.dumps(arguments[0]))


_DEEDS: Final[dict[str, Callable[[list[str]], object]]] = {
    "compare": compare.main,
    "policies": policies.main,
    "quoted": quoted,
}


def answered(words: list[str]) -> str:
    """Return what the deed prints."""
    while words[0] not in _DEEDS:
        name, _, value = words.pop(0).partition("=")
        os.environ[name] = value
    with contextlib.redirect_stdout(io.StringIO()) as out:
        _DEEDS[words[0]](words[1:])
    return out.getvalue().rstrip("\n")


def main() -> None:
    """Answer until the shell has gone."""
    waiting = b""
    while data := os.read(0, 65536):
        *questions, waiting = (waiting + data).split(b"\0")
        for question in questions:
            os.write(1, answered(question.decode().split("\x1f")).encode() + b"\0")


if __name__ == "__main__":
    main()
