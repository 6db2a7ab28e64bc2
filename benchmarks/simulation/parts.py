"""What a simulated chain is made of: limits of a rate, and what each track waited for."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import inf

import simpy


class RateLimit:
    """At most so many in any ``seconds``; what is refused has to ask again."""

    def __init__(self, env: simpy.Environment, name: str, most: float = inf, seconds: float = 60.0) -> None:
        """Nothing has been granted yet."""
        self.name, self.most = name, most
        self.highest = 0
        self._env, self._seconds = env, seconds
        self._granted: deque[float] = deque()

    def free(self) -> bool:
        """Say whether one more would be granted now."""
        while self._granted and self._granted[0] <= self._env.now - self._seconds:
            self._granted.popleft()
        return len(self._granted) + 1 <= self.most

    def ask(self) -> bool:
        """Take one, or say that none is left."""
        if not self.free():
            return False
        self._granted.append(self._env.now)
        self.highest = max(self.highest, len(self._granted))
        return True


@dataclass
class Journey:
    """One track under way: when it came, where it is, and the seconds that it waited, by what for."""

    began: float
    stage: str = ""
    counted: bool = False
    waited: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _cause: str = ""
    _since: float = 0.0

    def wait(self, cause: str, now: float) -> None:
        """Begin to wait."""
        self._cause, self._since = cause, now

    def go_on(self, now: float) -> None:
        """End to wait, if it waits."""
        if self._cause and now > self._since:
            self.waited[self._cause] += now - self._since
        self._cause = ""
