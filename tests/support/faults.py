"""Deliberate faults: between Pub/Sub and the functions, and in the APIs that the functions call."""

import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

from localcloud.pubsub.delivery import Message, Route, deliver
from localcloud.pubsub.scheduler import TICK
from musicgenerator.messages import Wake

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PICTURE: Final = re.compile(rb"(?:drop|upload)-\d+")
_RESPONSES: Final = "/v1/responses"
_UNHEARD: Final = "faults.unheard"
_CROWD_SECONDS: Final = 40.0


@dataclass(frozen=True)
class DeliveryFaults:
    """How events are disturbed.

    ``doubled`` is the chance that an event is delivered twice, ``lost`` by topic the chance that it is lost, and
    ``delay`` the longest delay in seconds.
    ``crowds`` is by topic how many messages, except wakes, wait for each other, to be delivered at the same moment.
    """

    doubled: float = 0.0
    lost: Mapping[str, float] = field(default_factory=dict)
    delay: float = 0.0
    crowds: Mapping[str, int] = field(default_factory=dict)


class FaultyDelivery:
    """Deliver as the bridge does, but late, twice, in another order, or not at all.

    A message for which ``rule`` returns True is lost, independent of the chances.
    """

    def __init__(self, faults: DeliveryFaults, rule: Callable[[Route, Message], bool] = lambda *_: False) -> None:
        self._faults = faults
        self._rule = rule
        self._crowds = {topic: threading.Barrier(size) for topic, size in faults.crowds.items()}
        self.events = 0
        self.doubled = 0
        self.lost = 0
        self.lost_data: list[bytes] = []

    def __call__(self, route: Route, message: Message, attempt: int) -> str | None:
        if message.data == TICK:
            # The next tick follows within seconds; repeating failed ones would only pile them up.
            deliver(route, message, attempt)
            return None
        if attempt == 1:
            self.events += 1
            if self._rule(route, message) or random.random() < self._chance_of_loss(route, message):
                self.lost += 1
                self.lost_data.append(message.data)
                return None
            if random.random() < self._faults.doubled:
                self.doubled += 1
                threading.Thread(target=self._again, args=(route, message), daemon=True).start()
        time.sleep(random.uniform(0, self._faults.delay))
        if route.topic in self._crowds and message.data != Wake().to_bytes():
            # A message that no others join is delivered alone.
            with suppress(threading.BrokenBarrierError):
                self._crowds[route.topic].wait(_CROWD_SECONDS)
            if self._crowds[route.topic].broken:
                self._crowds[route.topic].reset()
        return deliver(route, message, attempt)

    def _again(self, route: Route, message: Message) -> None:
        time.sleep(random.uniform(0, 2 * self._faults.delay))
        deliver(route, message, 1)

    def _chance_of_loss(self, route: Route, message: Message) -> float:
        # Only the event tells of a drop, so only the event of an announced upload can be replaced by the sweeper.
        if route.topic == "storage-events" and b'"uploads/' not in message.data:
            return 0.0
        return self._faults.lost.get(route.topic, 0.0)


@dataclass(frozen=True)
class ApiFaults:
    """Chances that a POST request to an API fails.

    ``busy``: the API answers 429. ``broken``: it answers 500 and does nothing. ``broken_after``: it does the work, then
    answers 503. ``cut``: it does the work, then cuts the connection.
    ``slow`` is the longest delay in seconds of an answer after the work is done.
    """

    busy: float = 0.0
    broken: float = 0.0
    broken_after: float = 0.0
    cut: float = 0.0
    slow: float = 0.0


class FaultyApi:
    """A WSGI application with faults in front of it."""

    def __init__(self, app: "WSGIApplication", faults: ApiFaults) -> None:
        self._app = app
        self.faults = faults
        self.cut_answers = 0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, or fail."""
        faults, roll = self.faults, random.random()
        if environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        if roll < faults.busy:
            return _error(start_response, "429 Too Many Requests", {"Retry-After": "1"})
        roll -= faults.busy
        if roll < faults.broken:
            return _error(start_response, "500 Internal Server Error", {})
        roll -= faults.broken
        if roll >= faults.broken_after + faults.cut:
            answer = self._app(environ, start_response)
            time.sleep(random.uniform(0, faults.slow))
            return answer
        _drain(self._app(environ | {_UNHEARD: True}, lambda *_: lambda _: None))
        if roll < faults.broken_after:
            return _error(start_response, "503 Service Unavailable", {})
        self.cut_answers += 1
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError


class PaidOpenAI:
    """Repeats an OpenAI-compatible server's answers; ``paid`` lists the pictures whose brief was paid, in order.

    ``unheard`` lists those of them whose answer was lost on purpose.
    All pictures of a campaign are equal, so the server behind is asked once for each path.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._answers: dict[str, requests.Response] = {}
        self.paid: list[str] = []
        self.unheard: list[str] = []

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as the server behind did."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"]
        headers = {"Content-Type": "application/json", "Authorization": environ.get("HTTP_AUTHORIZATION", "")}
        answer = self._answers.get(path) or requests.post(self._url + path, body, headers=headers, timeout=60)
        if answer.ok:
            self._answers[path] = answer
        if path == _RESPONSES and answer.ok:
            picture = _PICTURE.search(body)
            name = picture[0].decode() if picture else ""
            self.paid.append(name)
            if environ.get(_UNHEARD):
                self.unheard.append(name)
        start_response(f"{answer.status_code} {answer.reason}", [("Content-Type", "application/json")])
        return [answer.content]


def _drain(answer: Iterable[bytes]) -> None:
    for _ in answer:
        pass
    close: Any = getattr(answer, "close", lambda: None)
    close()


def _error(start_response: "StartResponse", status: str, headers: Mapping[str, str]) -> list[bytes]:
    code = int(status.split(maxsplit=1)[0])
    body = json.dumps({"error": {"code": code, "message": "on purpose", "status": "UNAVAILABLE"}}).encode()
    start_response(status, [("Content-Type", "application/json"), *headers.items()])
    return [body]
