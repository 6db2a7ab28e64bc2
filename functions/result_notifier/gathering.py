"""Put tracks that wait for a pipeline job into groups that share one, so that a run's price is paid once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.orders import MAX_TRACKS
from musicgenerator.settings import SettingInvalidError, required, whole_number
from musicgenerator.tracks import Track

BATCH_TRACKS: Final = 50
# A job ends within ten minutes, of which its machine takes up to three to start.
RUN_SECONDS: Final = 420.0


@dataclass(frozen=True)
class Pace:
    """The seconds that an engine takes: for each track, for each second of its music; and how many it makes at once."""

    per_track: float
    per_second: float
    at_once: int

    def seconds(self, music_seconds: int) -> float:
        """Return what one more track of this length adds to a run, in seconds."""
        return (self.per_track + self.per_second * music_seconds) / self.at_once


# For `composer`, twice the CPU seconds that were measured (0.90 for 30 s of music, 5.2 for 180 s), and half a second
# for reading and writing; a machine of four processors makes four. The others by their rates: Lyria 3 answers ten
# requests a minute.
# A rate bounds each run as if it were the only one, but a project's runs share their engine's quota. Runs that go on at
# the same time ask for more than the quota, wait for the engine, and let the fallback engine make what the patience of
# 400 s does not cover (docs/operations.md, "Runs of several tracks").
PACES: Final[Mapping[str, Pace]] = {
    "composer": Pace(per_track=0.5, per_second=0.06, at_once=4),
    "lyria-002": Pace(per_track=20.0, per_second=0.05, at_once=2),
    "lyria-3-clip": Pace(per_track=12.0, per_second=0.05, at_once=1),
    "lyria-3-pro": Pace(per_track=12.0, per_second=0.25, at_once=1),
    "endpoint": Pace(per_track=30.0, per_second=1.0, at_once=1),
}

# Measured for 180 s of music: 16 CPU seconds for six parts, and 4.6 for a loop. The stems' ZIP has 220 MB to write.
EXPORT_PACES: Final[Mapping[str, Pace]] = {
    "stems": Pace(per_track=0.5, per_second=0.25, at_once=4),
    "loop": Pace(per_track=0.5, per_second=0.06, at_once=4),
}


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

    def pace(self, track: Track) -> Pace:
        """Return the pace at which a track's music or export is made."""
        export = track.request.export
        return EXPORT_PACES[export.kind] if export else PACES.get(self.engine(track), PACES["endpoint"])


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
        pace = self._gathering.pace(track).seconds(track.request.duration_seconds)
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
