"""Moves in Firestore: ``moves/{hash of the code}``. A TTL policy deletes those that nobody claims."""

from contextlib import suppress
from typing import Any, Final

from google.api_core import exceptions
from google.cloud import firestore
from ports import Move

_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreMoves:
    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def create(self, move: Move) -> None:
        """Write a new move; a repeated attempt of the client finds the same document."""
        document = {"session": move.session, "sealed": move.sealed, "expiresAt": move.expires_at}
        with suppress(exceptions.AlreadyExists):
            self._move(move.name).create(document, timeout=_RPC_TIMEOUT_SECONDS)

    def take(self, name: str) -> Move | None:
        """Delete a move and return it, or return None if it does not exist or another request deletes it first."""
        found = self._move(name).get(timeout=_RPC_TIMEOUT_SECONDS)
        if not found.exists:
            return None
        unchanged = self._client.write_option(last_update_time=found.update_time)
        try:
            # The precondition lets exactly one of several claims delete the document.
            found.reference.delete(unchanged, timeout=_RPC_TIMEOUT_SECONDS)
        except (exceptions.NotFound, exceptions.FailedPrecondition):
            return None
        return Move(name, found.get("session"), found.get("sealed"), found.get("expiresAt"))

    def of_session(self, session: str) -> list[str]:
        """Return the names of a session's moves."""
        found = self._client.collection("moves").where(filter=firestore.FieldFilter("session", "==", session))
        return [move.id for move in found.select([]).stream(timeout=_RPC_TIMEOUT_SECONDS)]

    def erase(self, name: str) -> None:
        """Delete a move; deleting it again changes nothing."""
        self._move(name).delete(timeout=_RPC_TIMEOUT_SECONDS)

    def _move(self, name: str) -> Any:
        return self._client.document("moves", name)
