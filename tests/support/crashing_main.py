"""A function's main with a point after every call of a port, at which the process may be killed.

Only the crash test stages this file beside ``main.py``; it is never deployed.
Every port that ``bootstrap`` passes to the core is wrapped, so a new call is a new point automatically.
A point is named by the port's field, the method and the number of the call: ``tracks.advance.2``.

Environment: ``CRASH_TARGET`` is the entry point, ``CRASH_FOLDER`` the folder of plans and records, ``CRASH_CHANCE`` the
probability of a kill at every point.
A plan is a file ``plans/FUNCTION-SUBJECT`` that contains ``HANDLING POINT``, or ``* POINT`` for any handling; the kill
deletes it.
The subject is the track of an event (the object's name for a drop), or a request's Idempotency-Key, else its path.
Handlings of a subject are numbered from 1; what a sweep does for a track is its handling ``sweep``.
"""

import base64
import dataclasses
import functools
import os
import random
import re
import signal
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import main

from musicgenerator.ids import TRACK_PATTERN

_HERE = Path(__file__).resolve().parent
_FUNCTION = _HERE.name
_TARGET = os.environ["CRASH_TARGET"]
_FOLDER = Path(os.environ["CRASH_FOLDER"])
_CHANCE = float(os.environ["CRASH_CHANCE"])
_SUBJECT = re.compile(rf"\b{TRACK_PATTERN}\b|\b(?:drop|upload)-\d+")
_NOBODY = "nobody"
_SWEEP = "sweep"
_handling = threading.local()


class Crossing:
    """A port with a crash point after each method."""

    def __init__(self, name: str, port: Any) -> None:
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)

        @functools.wraps(found)
        def call(*arguments: Any, **named: Any) -> Any:
            _turn_to(arguments)
            result = found(*arguments, **named)
            _pass(f"{self._name}.{method}")
            return result

        return call


def _armed(core: Any) -> Any:
    """Return a core with its ports wrapped, including those of the cores inside it."""
    changes = {}
    for field in dataclasses.fields(core):
        value = getattr(core, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = _armed(value)
        elif _is_adapter(value):
            changes[field.name] = Crossing(field.name, value)
    return dataclasses.replace(core, **changes)


def _is_adapter(value: Any) -> bool:
    module = sys.modules.get(type(value).__module__)
    return Path(getattr(module, "__file__", None) or "/").resolve().is_relative_to(_HERE)


def _current() -> dict[str, Any]:
    """Return this thread's handling. A thread that a sweep has started has none yet."""
    handling = _handling.__dict__
    if not handling:
        handling.update(calls=Counter(), subject=_NOBODY, number=_SWEEP)
    return handling


def _pass(point: str) -> None:
    handling = _current()
    handling["calls"][point] += 1
    numbered = f"{point}.{handling['calls'][point]}"
    _write("points", handling["subject"], handling["number"], numbered)
    plan = _FOLDER / "plans" / f"{_FUNCTION}-{handling['subject']}"
    try:
        due = plan.read_text() in {f"{handling['number']} {numbered}", f"* {numbered}"}
        if due:
            plan.unlink()
    except FileNotFoundError:
        due = False
    if due or random.random() < _CHANCE:
        _write("kills", handling["subject"], handling["number"], numbered)
        os.kill(os.getpid(), signal.SIGKILL)


def _turn_to(arguments: tuple[Any, ...]) -> None:
    """Count a sweep's points for the track that it is processing."""
    handling, first = _current(), next(iter(arguments), None)
    found = _SUBJECT.search(str(getattr(first, "track", first)))
    if handling["number"] == _SWEEP and found and found[0] != handling["subject"]:
        handling.update(calls=Counter(), subject=found[0])


def _write(file: str, *words: str) -> None:
    # Short appends by several processes do not interleave.
    line = " ".join((_FUNCTION, *words)) + "\n"
    with (_FOLDER / file).open("a") as out:
        out.write(line)


def _begin(subject: str) -> None:
    counter = _FOLDER / "handlings" / f"{_FUNCTION}-{subject}"
    with counter.open("a") as out:
        out.write(".")
        out.flush()
        number = str(out.tell())
    if subject == _NOBODY:
        number = _SWEEP
    _handling.__dict__.update(calls=Counter(), subject=subject, number=number)
    _pass("begin")


def _subject(argument: Any) -> str:
    if hasattr(argument, "headers"):
        text = argument.headers.get("Idempotency-Key") or argument.path
        return re.sub(r"[^\w-]", "_", text)
    data = argument.data if isinstance(argument.data, dict) else {}
    message = data.get("message")
    encoded = message.get("data") if isinstance(message, dict) else None
    text = str(data.get("name"))
    if isinstance(encoded, str):
        with suppress(ValueError):  # no base64: the function itself has to see that
            text = base64.b64decode(encoded).decode(errors="replace")
    found = _SUBJECT.search(text)
    return found[0] if found else _NOBODY


main.bootstrap = functools.cache(lambda built=main.bootstrap: _armed(built()))
_entry = getattr(main, _TARGET)


@functools.wraps(_entry)
def _recorded(argument: Any) -> Any:
    _begin(_subject(argument))
    try:
        return _entry(argument)
    finally:
        _write("ends", _handling.subject, _handling.number, "end")


globals()[_TARGET] = _recorded
