"""How long a track may stay in a state, and how long the record of its job is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from musicgenerator.settings import durations
from musicgenerator.states import Status


@dataclass(frozen=True)
class Patience:
    """One duration for each state that is not final, one for parked tracks, and one for the records of ended jobs.

    Each is longer than the state's work usually takes, because the sweeper publishes a message for an overdue track.
    ``job_record`` is much longer than a launcher may run: as long as Vertex AI has the record, the job's id is taken,
    so a launcher that read the track before it ended cannot create the job again.
    """

    awaiting_upload: timedelta = timedelta(hours=1)  # a signed upload must begin within ten minutes
    captioning: timedelta = timedelta(minutes=4)
    captioned: timedelta = timedelta(minutes=2)
    launching: timedelta = timedelta(minutes=2)
    composing: timedelta = timedelta(minutes=10)
    parked: timedelta = timedelta(minutes=15)
    job_record: timedelta = timedelta(hours=1)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``PATIENCE_SECONDS``, for example ``captioning=240 parked=900``; other states keep their defaults."""
        return cls(**durations(environ, "PATIENCE_SECONDS", tuple(cls.__dataclass_fields__)))

    def due_at(self, status: Status, *, parked: bool = False) -> datetime | None:
        """Return when a track that enters this state now becomes overdue, None for a final state."""
        patience = self.parked if parked else getattr(self, status, None)
        return None if patience is None else datetime.now(UTC) + patience

    def forget_at(self) -> datetime:
        """Return when the record of a job whose attempt ends now is deleted."""
        return datetime.now(UTC) + self.job_record
