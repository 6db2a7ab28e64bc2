"""The commands that export a finished track of the composer: its stems, or a loop.

An export is a track of its own. A track has one export of each kind, which every request returns until it has failed,
been cancelled or been deleted.
"""

from dataclasses import dataclass, replace
from typing import Final

from admitting import Particulars, made_track, new_track
from command_requests import CommandRequest
from commanding import Commands, TrackState, with_cover
from problems import UnknownTrackError, WrongStateError

from musicgenerator import logs
from musicgenerator.briefs import COMPOSER
from musicgenerator.errors import MusicMissingError
from musicgenerator.exports import ComposerChangedError, Export, model_of
from musicgenerator.results import TRACK, Music
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track

_OVER: Final = frozenset({Status.FAILED, Status.REJECTED, Status.CANCELLED})


@dataclass(frozen=True)
class Exporter:
    """Creates exports by the ports of the other commands."""

    commands: Commands

    def stems(self, command: CommandRequest) -> TrackState:
        """Create the track that makes a track's stems, or return the one that makes or has made them."""
        return self._export(command, "stems")

    def loop(self, command: CommandRequest) -> TrackState:
        """Create the track that makes a track's loop, or return the one that makes or has made it."""
        return self._export(command, "loop")

    def _export(self, command: CommandRequest, kind: str) -> TrackState:
        commands = self.commands
        source, work, expires_at = commands.owned(command)
        _check(source)
        # A key belongs to the export that was the last one at its first request. So a repeated request does not make
        # another export after the one that it made has failed.
        last = work.last_export(kind)
        keyed = Particulars(command.session, expires_at, {"after": last, "source": command.track})
        after: str = commands.admission.admit(
            (command.session, command.track, kind), command.body, command.key, keyed
        ).details["after"]
        found = commands.tracks.find(last) if last else None
        if found and found[0].error_code == ComposerChangedError.code:
            # It would fail again, and cost a job each time.
            raise WrongStateError(ComposerChangedError.words["en"])
        if found and found[0].status not in _OVER:
            if not found[1].published:
                # The request that created it may have crashed before it wrote the cover and published its message.
                self._cover(last, commands.copy_cover(work.token, found[1].token, expires_at))
            return commands.announced(last)
        model = self._model(work)
        # Requests that follow the same last export share one entry, so they make one track, counted once.
        admitted = commands.admission.admit(
            (command.session, command.track, kind, "once"),
            {},
            after or command.track,
            Particulars(command.session, expires_at, new_track() | {"source": command.track}),
            commands.admission.limits.of_track(command.session, command.address),
        )
        track, token = made_track(admitted)
        export = Export(kind, command.track, model)
        request = replace(source.request, engine=COMPOSER, seed=source.seed, takes=1, twin_of="", export=export)
        new = Track(
            command.session,
            track,
            Status.CAPTIONED,
            1,
            request,
            source.image,
            source.brief,
            source.prompt_version,
        )
        # The ledger has the new folder's token and the source, so an erasure finds this cover even after a crash here.
        cover = commands.copy_cover(work.token, token, expires_at)
        private = PrivateTrack(token=token, counted_for_all=admitted.counted_for_all, source=command.track)
        # A repeated request writes nothing: the documents exist.
        commands.create(command, new, private, expires_at)
        if commands.tracks.find(track) is None:
            # The source or the export has just been erased, perhaps before its cover was copied.
            commands.erase_folder(token)
            raise UnknownTrackError("The track has just been deleted.")
        self._cover(track, cover)
        logs.info("export", track=track, of=source.track_id, kind=kind)
        return commands.announced(track)

    def _cover(self, track: str, cover: Music | None) -> None:
        self.commands.tracks.advance(track, lambda latest, work: with_cover(latest, work, cover))

    def _model(self, work: PrivateTrack) -> str:
        folder = self.commands.settings.results.folder(work.token)
        try:
            return model_of(self.commands.objects.read(folder.bucket, folder.name(TRACK)) or b"")
        except MusicMissingError as error:
            raise WrongStateError("The files of this music are not complete: make another version of it.") from error


def _check(source: Track) -> None:
    """Raise WrongStateError unless a track has music that its composer can make again."""
    if source.request.export:
        raise WrongStateError("This track is an export itself: name the track that it is made from.")
    if source.status is not Status.READY:
        raise WrongStateError(f"Wait until the music is finished: this track is {source.status}.")
    if source.made_by != COMPOSER:
        raise WrongStateError(
            f"Only music of the engine {COMPOSER} has stems and a loop; the engine of this track is "
            f"{source.made_by}. Another version of it can be made by {COMPOSER}."
        )
