"""An announcement wakes the functions that its picture will need, and never waits long or fails for that."""

import importlib.util
import json
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from cloudevents.http import CloudEvent
from waking import PAUSE_SECONDS, TopicWaker

from localcloud.addresses import REPOSITORY
from musicgenerator.events import MESSAGE_PUBLISHED
from musicgenerator.messages import CaptionMessage, PictureMessage, Wake
from tests.contracts.recorded import SESSION, TRACK

WOKEN = {"captioner": "on_image_uploaded", "pipeline_launcher": "on_track_captioned", "sketcher": "on_track_captioned"}


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 50.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Topics:
    """Counts the wakes of one topic; each waits for ``confirmed`` and raises ``failure``."""

    confirmed: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None
    wakes: int = 0

    def wake(self) -> None:
        self.confirmed.wait(10)
        if self.failure:
            raise self.failure
        self.wakes += 1


@pytest.fixture
def topics() -> tuple[Topics, Topics]:
    """Return `captions` and `pictures`, which confirm at once."""
    both = Topics(), Topics()
    for topic in both:
        topic.confirmed.set()
    return both


def test_both_topics_get_a_wake_before_the_answer() -> None:
    """The context waits for a confirmation that comes late, because Cloud Run withdraws the CPU after the answer."""
    captions, pictures = Topics(), Topics()

    def confirm() -> None:
        pictures.confirmed.set()
        captions.confirmed.set()

    with TopicWaker(captions, pictures, Clock()).wake():
        threading.Timer(0.1, confirm).start()
    assert (captions.wakes, pictures.wakes) == (1, 1)


def test_an_instance_wakes_at_most_once_in_five_minutes(topics: tuple[Topics, Topics]) -> None:
    """Instances live for longer than that, so more wakes would start nothing."""
    clock = Clock()
    waker = TopicWaker(*topics, clock)
    for seconds, wakes in ((0.0, 1), (PAUSE_SECONDS - 1, 1), (1.0, 2), (1.0, 2)):
        clock.now += seconds
        with waker.wake():
            pass
        assert [topic.wakes for topic in topics] == [wakes, wakes]


@pytest.mark.parametrize("broken", [0, 1])
def test_a_topic_that_fails_is_logged_and_the_other_gets_its_wake(
    topics: tuple[Topics, Topics], broken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The announcement goes on, and one warning names the topic."""
    topics[broken].failure = OSError("no route")
    with TopicWaker(*topics, Clock()).wake():
        pass
    assert topics[1 - broken].wakes == 1
    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["severity"], entry["topic"]) == ("WARNING", ("captions", "pictures")[broken])
    assert entry["reason"] == "OSError: no route"


def test_an_unconfirmed_wake_delays_the_answer_for_a_bounded_time() -> None:
    """The body runs while the wake is published, and the rest of the wait is bounded."""
    captions, pictures = Topics(), Topics()
    began = time.monotonic()
    with TopicWaker(captions, pictures, Clock()).wake():
        pass
    assert time.monotonic() - began < 5
    assert pictures.wakes == 0
    pictures.confirmed.set()
    captions.confirmed.set()


def test_an_error_of_the_body_passes_through(topics: tuple[Topics, Topics]) -> None:
    """A permit that cannot be signed fails the request as before."""
    with pytest.raises(LookupError), TopicWaker(*topics, Clock()).wake():
        raise LookupError


@dataclass
class Core:
    """Records which of its methods are called."""

    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return lambda _: self.calls.append(name)


def loaded(function: str) -> ModuleType:
    """Return a function's main as a new module."""
    path = REPOSITORY / "functions" / function / "main.py"
    spec = importlib.util.spec_from_file_location(f"{function}_main", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pushed(data: bytes) -> CloudEvent:
    attributes = {"id": "1", "source": "test", "type": MESSAGE_PUBLISHED}
    return CloudEvent(attributes, {"message": {"data": b64encode(data).decode()}})


@pytest.mark.parametrize("function", sorted(WOKEN))
def test_a_woken_function_builds_its_clients_and_does_nothing_else(function: str) -> None:
    """The same function handles a message about a track, so the wake is what makes the difference."""
    main, core, built = loaded(function), Core(), list[bool]()

    def bootstrap() -> Core:
        built.append(True)
        return core

    main.bootstrap = bootstrap  # type: ignore[attr-defined]
    handle = getattr(main, WOKEN[function])
    handle(pushed(Wake().to_bytes()))
    assert (built, core.calls) == ([True], [])
    message = PictureMessage(TRACK) if function == "captioner" else CaptionMessage(SESSION, TRACK, 1)
    handle(pushed(message.to_bytes()))
    assert len(core.calls) == 1
