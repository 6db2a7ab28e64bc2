"""The describer's client takes longer to import than everything else together: it comes while the picture is fetched.

Importing it where the others are would have a cold start wait for it before the first request to Firestore is sent.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from captioning import Describer, Description, Picture

from musicgenerator.tracks import Request


class LoadingDescriber:
    """A describer that is being made; whoever needs it first waits for it."""

    def __init__(self, make: Callable[[], Describer]) -> None:
        """Begin to make it in a thread of its own."""
        with_one_thread = ThreadPoolExecutor(1, "describer")
        self._made = with_one_thread.submit(make)
        with_one_thread.shutdown(wait=False)

    def describe(self, picture: Picture, request: Request) -> Description:
        """Describe a picture as the describer does; raise what making it raised."""
        return self._made.result().describe(picture, request)
