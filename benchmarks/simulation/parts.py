"""Parts of the simulated chain: rate limits, and each track's waiting."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import inf

import simpy


class RateLimit:
    """Grants at most ``most`` requests in any ``seconds``; a refused one has to ask again."""

    def __init__(self, env: simpy.Environment, name: str, most: float = inf, seconds: float = 60.0) -> None:
        """Start with nothing granted."""
        self.name, self.most = name, most
        self.highest = 0
        self._env, self._seconds = env, seconds
        self._granted: deque[float] = deque()

    def free(self) -> bool:
        """Tell whether one more would be granted."""
        while self._granted and self._granted[0] <= self._env.now - self._seconds:
            self._granted.popleft()
        return len(self._granted) + 1 <= self.most

    def ask(self) -> bool:
        """Take one and return True, or return False if none is left."""
        if not self.free():
            return False
        self._granted.append(self._env.now)
        self.highest = max(self.highest, len(self._granted))
        return True


@dataclass
class Journey:
    """A track under way: its arrival, its place, whether it can be heard, and its seconds of waiting by cause.

    ``made`` triggers when the step has made its music.
    """

    began: float
    number: int = 0
    made: simpy.Event | None = None
    stage: str = ""
    counted: bool = False
    sounded: bool = False
    waited: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _cause: str = ""
    _since: float = 0.0

    def wait(self, cause: str, now: float) -> None:
        """Start waiting."""
        self._cause, self._since = cause, now

    def go_on(self, now: float) -> None:
        """Stop waiting."""
        if self._cause and now > self._since:
            self.waited[self._cause] += now - self._since
        self._cause = ""
