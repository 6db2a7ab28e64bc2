"""Show one line per track with its stage and elapsed time: redrawn on a terminal, otherwise printed at every change."""

import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Self, TextIO

from musicgenerator.states import Status

_WORDS: Final = {
    Status.AWAITING_UPLOAD: "waiting for the picture",
    Status.CAPTIONING: "looking at the picture",
    Status.CAPTIONED: "brief written",
    Status.LAUNCHING: "starting the pipeline",
    Status.COMPOSING: "making the music",
    Status.READY: "ready",
    Status.FAILED: "failed",
    Status.REJECTED: "rejected",
    Status.CANCELLED: "cancelled",
}
_REDRAW_SECONDS: Final = 0.2


def words(document: Mapping[str, Any]) -> str:
    """Return a track's stage in words, with the title of its brief or the reason of its failure."""
    status = Status(document["status"])
    detail = _detail(status, document)
    return _WORDS[status] + (f": {detail}" if detail else "")


def noted(note: Mapping[str, Any]) -> str:
    """Return in words what happened to an entry of a dropped picture's metadata."""
    if note["ignored"]:
        return f"{note['name']} was ignored"
    return f"{note['name']} was read as {note['value']}" if note["value"] else f"{note['name']} was shortened"


class Progress:
    """Shows the stage of each picture's track inside a ``with`` block."""

    def __init__(self, names: list[str], out: TextIO = sys.stdout) -> None:
        """Take the pictures' names."""
        self._out = out
        self._live = out.isatty()
        self._width = max(map(len, names), default=0)
        self._began = time.monotonic()
        self._stages = dict.fromkeys(names, "dropped")
        self._ended: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._drawn = False
        self._clock = threading.Thread(target=self._redraw, daemon=True)

    def __enter__(self) -> Self:
        """Start redrawing, on a terminal."""
        if self._live:
            self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the last stages and stop."""
        self._stop.set()
        if self._live:
            self._clock.join()
            self._draw()

    def show(self, name: str, document: Mapping[str, Any]) -> None:
        """Show the stage of a picture's track, from the track's document."""
        status, stage = Status(document["status"]), words(document)
        with self._lock:
            # A parked track shows why it waits, also when its sketch comes.
            if name not in self._heard and (document.get("sketch") or status is Status.READY):
                self._heard[name] = time.monotonic()
            if self._stages[name] == stage:
                return
            self._stages[name] = stage
            if status.is_final:
                self._ended[name] = time.monotonic()
        if not self._live:
            self._out.write(self._line(name) + "\n")
            self._out.flush()

    def seconds(self, name: str) -> float:
        """Return the seconds from the start to the end of a picture's track, or until now."""
        return self._ended.get(name, time.monotonic()) - self._began

    def first_sound_seconds(self, name: str) -> float:
        """Return the seconds from the start to a track's first sound: its sketch, otherwise its music."""
        return self._heard.get(name, time.monotonic()) - self._began

    def _line(self, name: str) -> str:
        return f"{name:<{self._width}}  {self.seconds(name):6.1f} s  {self._stages[name]}"

    def _redraw(self) -> None:
        while not self._stop.wait(_REDRAW_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            back = f"\x1b[{len(self._stages)}A" if self._drawn else ""
            self._out.write(back + "".join(f"\x1b[2K{self._line(name)}\n" for name in self._stages))
            self._out.flush()
            self._drawn = True


def _detail(status: Status, document: Mapping[str, Any]) -> str:
    if error := document.get("error"):
        return f"{error['message']} ({error['code']})"
    if document.get("sketch") and not status.is_final:
        return "the sketch can be heard"
    brief = document.get("brief")
    return str(brief["title"]) if brief and status in {Status.CAPTIONED, Status.READY} else ""
