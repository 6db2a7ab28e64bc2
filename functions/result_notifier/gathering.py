"""Put tracks that wait for a pipeline job into groups that share one, so that a run's price is paid once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.orders import MAX_TRACKS
from musicgenerator.paces import PACES
from musicgenerator.settings import SettingInvalidError, required, whole_number
from musicgenerator.tracks import Track

BATCH_TRACKS: Final = 50
# A job ends within ten minutes, of which its machine takes up to three to start.
RUN_SECONDS: Final = 420.0


@dataclass(frozen=True)
class Gathering:
    """How many tracks share a job at most, and the engine of a track that names none."""

    default_engine: str
    tracks: int = BATCH_TRACKS

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError or SettingInvalidError naming a variable."""
        tracks = whole_number(environ, "BATCH_TRACKS", BATCH_TRACKS)
        if not 0 < tracks <= MAX_TRACKS:
            raise SettingInvalidError(f"BATCH_TRACKS must be from 1 to {MAX_TRACKS}, not {tracks}")
        return cls(required(environ, "DEFAULT_ENGINE"), tracks)

    def engine(self, track: Track) -> str:
        """Return the engine that makes a track's music."""
        return track.request.engine or self.default_engine


@dataclass
class _Group:
    attempts: list[CaptionMessage] = field(default_factory=list)
    seconds: float = 0.0


class Groups:
    """The groups of one sweep, one engine to a group, in the order in which the tracks were added."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering
        self._open: dict[str, _Group] = {}

    def add(self, track: Track) -> tuple[GatheredMessage, str] | None:
        """Add a track, and return a group that is full, if there is one, with its engine.

        That is the group that this track fills, or one that has no time for it.
        """
        engine = self._gathering.engine(track)
        pace = PACES.get(engine, PACES["endpoint"]).seconds(track.request.duration_seconds)
        group = self._open.setdefault(engine, _Group())
        full = None
        if group.attempts and group.seconds + pace > RUN_SECONDS:
            full = GatheredMessage(tuple(group.attempts)), engine
            group = self._open[engine] = _Group()
        group.attempts.append(CaptionMessage(track.session, track.track_id, track.attempt))
        group.seconds += pace
        if full is None and len(group.attempts) >= self._gathering.tracks:
            full = GatheredMessage(tuple(self._open.pop(engine).attempts)), engine
        return full

    def rest(self) -> Iterator[tuple[GatheredMessage, str]]:
        """Return the groups that have not become full, with their engines."""
        for engine, group in self._open.items():
            if group.attempts:
                yield GatheredMessage(tuple(group.attempts)), engine
        self._open.clear()
