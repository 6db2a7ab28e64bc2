"""Move a session to another device.

The page seals the session's id and secret with a key that it never sends. This function keeps the sealed text for five
minutes, and gives it to the first one that names its code. Only a hash of the code is stored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from admitting import Admission, Particulars
from command_requests import CommandRequest
from ports import Move, Moves, Sessions
from problems import InvalidRequestError, UnknownMoveError, UnknownSessionError
from sessions import authorised

from musicgenerator import ids, logs

LIFETIME: Final = timedelta(minutes=5)

_SEALED: Final = re.compile(r"[A-Za-z0-9_-]{64,1024}")


@dataclass(frozen=True)
class OfferedMove:
    """A move's code, and when it expires."""

    code: str
    expires_at: datetime


@dataclass(frozen=True)
class Mover:
    sessions: Sessions
    moves: Moves
    admission: Admission

    def move(self, command: CommandRequest) -> OfferedMove:
        """Keep the body's sealed text, and return a new code for it; each request gets another code."""
        authorised(self.sessions, command.session, command.secret)
        sealed = _sealed(command.body)
        offered = OfferedMove(ids.new_move_code(), datetime.now(UTC) + LIFETIME)
        self.admission.admit(
            (command.session, "move"),
            {},
            None,
            Particulars(command.session, offered.expires_at, {}),
            self.admission.limits.of_move(command.session, command.address),
        )
        move = Move(ids.secret_hash(offered.code), command.session, sealed, offered.expires_at)
        # The code is new, so no other request writes this document.
        self.moves.create(move)
        try:
            authorised(self.sessions, command.session, command.secret)
        except UnknownSessionError:
            # The session's deletion has begun and may already have listed the moves, so delete this one here.
            self.moves.erase(move.name)
            self.admission.forget(command.session)
            raise
        logs.info("move offered")
        return offered

    def claim(self, body: Mapping[str, Any], address: str) -> str:
        """Return the sealed text of a code, and delete it.

        Raises UnknownMoveError for an unknown, used or expired code, and LimitReachedError if this address has claimed
        too often: every claim counts.
        """
        code = body.get("code")
        if not isinstance(code, str):
            raise InvalidRequestError("code must be a text.", field="code")
        now = datetime.now(UTC)
        if ids.is_move_code(code):
            # The entry belongs to no session, and nobody can send an equal request.
            self.admission.admit(
                ("claim",),
                {},
                None,
                Particulars("", now, {}, in_session=False),
                self.admission.limits.of_claim(address),
            )
            # If the response is lost, the code is used: the person makes another one.
            move = self.moves.take(ids.secret_hash(code))
            # The TTL policy deletes within about a day, so the time is checked here.
            if move is not None and move.expires_at > now:
                logs.info("move claimed")
                return move.sealed
        raise UnknownMoveError("Make a new code: each one works once, for five minutes.")


def _sealed(body: Mapping[str, Any]) -> str:
    sealed = body.get("sealed")
    if not isinstance(sealed, str) or not _SEALED.fullmatch(sealed):
        raise InvalidRequestError("sealed must be 64 to 1,024 characters of base64url.", field="sealed")
    return sealed
