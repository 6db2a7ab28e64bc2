"""The operator's view of tracks knows when each was heard first."""

import io
import time

from operations.progress import Progress


def test_the_first_sound_is_the_sketch_and_otherwise_the_music() -> None:
    """A parked track shows why it waits; its sketch counts although its line stays the same."""
    parked = {"status": "captioned", "error": {"code": "launch_blocked", "message": "waiting"}}
    with Progress(["a", "b"], io.StringIO()) as progress:
        progress.show("a", parked)
        progress.show("a", parked | {"sketch": {"url": "u"}})
        time.sleep(0.05)
        for name in ("a", "b"):
            progress.show(name, {"status": "ready", "brief": {"title": "t"}})
        a, b = progress.first_sound_seconds("a"), progress.first_sound_seconds("b")
        assert a + 0.05 <= progress.seconds("a")
        assert b <= progress.seconds("b") < b + 0.05
