"""Records every status of the tracks that it follows, by the same listener as the page."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from queue import Queue
from typing import Any, Final, Self

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import firestore

from localcloud.addresses import PROJECT
from musicgenerator.states import Status

_DATABASE: Final = f"projects/{PROJECT}/databases/(default)"


class Witness:
    """A live listener; use it as a context manager.

    It calls Firestore's Listen method itself, with one target for each track. For a query, the emulator sends every
    document again at every change, which for a thousand tracks takes longer than making them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._followed: list[str] = []
        self._news: Queue[str] = Queue()
        self.seen: dict[str, list[tuple[int, Status]]] = defaultdict(list)
        self.sketches: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.late_sketches: list[str] = []
        self.dismissed: set[str] = set()
        self.steps = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._news.put("")
        self._stream.cancel()
        self._thread.join()

    def follow(self, session: str, track: str) -> None:
        """Follow a track from now on."""
        document = f"{_DATABASE}/documents/sessions/{session}/tracks/{track}"
        self._followed.append(document)
        self._news.put(document)

    def dismiss(self, track: str) -> None:
        """Wait no longer for a track that was erased."""
        with self._lock:
            self.dismissed.add(track)

    def _listen(self) -> None:
        client = firestore.Client(project=PROJECT)
        while not self._ended.is_set():
            news: Queue[str] = Queue()
            # A new stream begins with all targets of the broken one.
            self._news, followed = news, list(self._followed)
            with suppress(GoogleAPICallError):
                metadata = client._rpc_metadata  # noqa: SLF001  as the client's own watch
                self._stream = client._firestore_api.listen(_targets(followed, news), metadata=metadata)  # noqa: SLF001  as above
                for answer in self._stream:
                    self._look(type(answer).pb(answer))
            news.put("")
            time.sleep(0.1)

    def _look(self, answer: Any) -> None:
        fields = answer.document_change.document.fields
        if "status" not in fields:
            return
        track = answer.document_change.document.name.rpartition("/")[2]
        current = (int(fields["attempt"].integer_value), Status(fields["status"].string_value))
        sketch = fields["sketch"].map_value.fields["url"].string_value if "sketch" in fields else ""
        with self._lock:
            steps = self.seen[track]
            if sketch and (current[0], sketch) not in self.sketches[track]:
                self.sketches[track].append((current[0], sketch))
                # The listener may skip versions, so only a final state that was seen without the sketch is proof.
                if steps and steps[-1][0] == current[0] and steps[-1][1].is_final:
                    self.late_sketches.append(track)
            if not steps or steps[-1] != current:
                steps.append(current)
                self.steps += 1

    def under_way(self) -> int:
        """Return how many of the followed tracks were neither seen in a final state nor dismissed."""
        with self._lock:
            ended = {track for track, steps in self.seen.items() if steps and steps[-1][1].is_final}
            return len(self._followed) - len(ended | self.dismissed)

    def wait(self, seconds: float) -> None:
        """Return when every followed track is final, or when no track has changed for ``seconds``."""
        seen, since = -1, time.monotonic()
        while self.under_way() and time.monotonic() - since < seconds:
            time.sleep(0.3)
            if self.steps != seen:
                seen, since = self.steps, time.monotonic()

    def wait_for(self, track: str, status: Status, seconds: float) -> None:
        """Return when a track has reached a state, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._lock:
                if any(seen.rank >= status.rank for _, seen in self.seen[track]):
                    return
            time.sleep(0.1)

    def wait_for_attempt(self, track: str, attempt: int, seconds: float) -> None:
        """Return when an attempt of a track has been seen, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._lock:
                if any(seen >= attempt for seen, _ in self.seen[track]):
                    return
            time.sleep(0.1)

    def has_failed(self, track: str) -> bool:
        """Return whether a track was last seen as failed."""
        with self._lock:
            return self.seen[track][-1:] != [] and self.seen[track][-1][1] is Status.FAILED

    def backward(self) -> list[str]:
        """Describe every step that went backwards, or left a final state within the same attempt."""
        with self._lock:
            return [
                f"{track}: {before[1]} ({before[0]}) -> {after[1]} ({after[0]})"
                for track, steps in self.seen.items()
                for before, after in pairwise(steps)
                if (after[0], after[1].rank) <= (before[0], before[1].rank)
            ]

    def wrong_sketches(self) -> list[str]:
        """Describe every sketch that changed within an attempt, or came after the attempt had ended."""
        with self._lock:
            changed = [
                f"{track}: {seen}"
                for track, seen in self.sketches.items()
                if len({attempt for attempt, _ in seen}) < len(seen)
            ]
            return changed + [f"{track} had ended before its sketch came" for track in self.late_sketches]


def _targets(followed: list[str], news: "Queue[str]") -> Iterator[dict[str, Any]]:
    number = 0
    known = set()
    while True:
        document = followed.pop(0) if followed else news.get()
        if not document:
            return
        if document not in known:
            known.add(document)
            number += 1
            yield {"database": _DATABASE, "add_target": {"target_id": number, "documents": {"documents": [document]}}}
