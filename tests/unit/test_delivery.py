import json
from dataclasses import dataclass

import pytest

from musicgenerator.delivery import acknowledging_poison
from musicgenerator.errors import CaptionUnavailableError, MalformedEventError, PictureGoneError


@dataclass
class ArrivedEvent:
    data: object

    def __getitem__(self, key: str) -> object:
        return {"id": "event-1"}[key]


@acknowledging_poison
def handler(event: ArrivedEvent) -> None:
    """Raise the exception in the event."""
    if isinstance(event.data, Exception):
        raise event.data


def test_a_handler_that_returns_acknowledges(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is logged."""
    handler(ArrivedEvent(None))
    assert capsys.readouterr().out == ""


def test_poison_is_logged_and_acknowledged(capsys: pytest.CaptureFixture[str]) -> None:
    """The log line is an error with the event's id and the reason."""
    handler(ArrivedEvent(MalformedEventError("generation is None")))
    line = json.loads(capsys.readouterr().out)
    assert (line["severity"], line["event"], line["reason"]) == ("ERROR", "event-1", "generation is None")


@pytest.mark.parametrize("failure", [CaptionUnavailableError("busy"), PictureGoneError("gone"), ValueError("a bug")])
def test_everything_else_is_delivered_again(failure: Exception) -> None:
    """Any other exception propagates."""
    with pytest.raises(type(failure)):
        handler(ArrivedEvent(failure))


def test_the_decorated_handler_stays_a_plain_function() -> None:
    """functions-framework finds a plain function by its name."""
    assert handler.__name__ == "handler"
    assert handler.__doc__ == "Raise the exception in the event."
