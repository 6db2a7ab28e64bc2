"""Run the scripts' comparisons in one long-lived Python process.

Questions arrive on standard input and answers leave on standard output; a NUL ends each.
A question is words separated by the unit separator: NAME=VALUE settings, then `compare`, `policies` or `quoted`,
then its arguments.
"""

import contextlib
import io
import json
import os
from collections.abc import Callable
from typing import Final

from infra import compare, policies


def quoted(arguments: list[str]) -> None:
    """Print a text as a JSON string, which is also valid YAML."""
    print(json.dumps(arguments[0]))


_COMMANDS: Final[dict[str, Callable[[list[str]], object]]] = {
    "compare": compare.main,
    "policies": policies.main,
    "quoted": quoted,
}


def answered(words: list[str]) -> str:
    """Return the output of the command in a question."""
    while words[0] not in _COMMANDS:
        name, _, value = words.pop(0).partition("=")
        os.environ[name] = value
    with contextlib.redirect_stdout(io.StringIO()) as out:
        _COMMANDS[words[0]](words[1:])
    return out.getvalue().rstrip("\n")


def main() -> None:
    """Answer until standard input ends."""
    waiting = b""
    while data := os.read(0, 65536):
        *questions, waiting = (waiting + data).split(b"\0")
        for question in questions:
            os.write(1, answered(question.decode().split("\x1f")).encode() + b"\0")


if __name__ == "__main__":
    main()
