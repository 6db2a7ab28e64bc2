"""Mark a video that the page has made: the page sends the video's hash, and gets the box that it inserts.

What the mark says comes from the track's own results, never from the request. So a person can have nothing signed but
that a video was made from the music of their track.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from admitting import Admission, Particulars
from command_requests import CommandRequest
from ports import Objects, Sessions, Tracks
from problems import InvalidRequestError, UnknownTrackError, WrongStateError
from sessions import authorised

from musicgenerator import logs
from musicgenerator.marks.signers import Signer
from musicgenerator.results import TRACK, ResultsBucket
from musicgenerator.states import Status

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class VideoMark:
    """The box with the mark as base64; None if the operator has set no signer, or one whose certificates do not fit."""

    box: str | None


@dataclass(frozen=True)
class VideoMarks:
    """Marks videos; ``signer`` returns the operator's key, read at its first call, or None if there is none."""

    sessions: Sessions
    tracks: Tracks
    objects: Objects
    results: ResultsBucket
    admission: Admission
    signer: Callable[[], Signer | None]

    def mark(self, command: CommandRequest) -> VideoMark:
        """Return the mark of a video with the body's ``sha256``; the same hash gets the same mark.

        Raises WrongStateError if the track has no music, and LimitReachedError.
        """
        owner = authorised(self.sessions, command.session, command.secret)
        found = self.tracks.find(command.track)
        if found is None or found[0].session != command.session:
            raise UnknownTrackError("Name a track of this session.")
        track, work = found
        sha256 = command.body.get("sha256")
        if set(command.body) != {"sha256"} or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise InvalidRequestError("The body is sha256 alone: 64 hexadecimal digits.", field="sha256")
        if track.status is not Status.READY:
            raise WrongStateError("The track has no music yet.")
        # Before the count: a key that cannot be read, perhaps because its grant is late, costs the person no mark.
        signer = self.signer()
        # Nothing is written but the count, so a late or repeated request is harmless.
        self.admission.admit(
            (command.session, command.track, "mark"),
            command.body,
            command.key,
            Particulars(command.session, owner.expires_at, {}),
            self.admission.limits.of_mark(command.session, command.address),
        )
        if signer is None:
            return VideoMark(None)
        folder = self.results.folder(work.token)
        box = _box(self.objects.read(folder.bucket, folder.name(TRACK)), bytes.fromhex(sha256), signer)
        if box is None:
            return VideoMark(None)
        logs.info("video marked", track=command.track)
        return VideoMark(base64.b64encode(box).decode())


def _box(track: bytes | None, sha256: bytes, signer: Signer) -> bytes | None:
    # Imported here: few visits make a video, and every cold start would pay for it.
    from musicgenerator.marks import videos
    from musicgenerator.marks.facts import Facts
    from musicgenerator.marks.manifests import TooLargeError

    try:
        return videos.box(Facts.of_track(json.loads(track or b"")), sha256, signer)
    except TooLargeError as error:
        logs.error("the signer's certificates do not fit into a video's mark", reason=str(error))
        return None
    except (ValueError, KeyError, TypeError):
        # The files of an erased track, or of one without music, say nothing that could be signed.
        raise WrongStateError("The track's music is gone.") from None
