"""Orders: what the launcher tells the pipeline's step to make, ``gs://PIPELINE_BUCKET/orders/JOB.json``.

The object is a JSON list with one order for each track of the job, in the order in which they are made. It never gains
a track. If a track is cancelled or erased, a ``CalledOff`` replaces its order.
The job's parameters name only this object, so neither Vertex AI's record of the job nor a log of its parameters holds
the brief or the results token.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from musicgenerator import documents
from musicgenerator.briefs import COMPOSER, DURATION_SECONDS, ENGINES, SEED, Brief
from musicgenerator.errors import BriefError, OrderError
from musicgenerator.exports import EXPORT_FILES, MODEL
from musicgenerator.ids import is_results_token, is_track_id, track_and_attempt
from musicgenerator.track_requests import Kept, read_keep

ORDER_TYPE: Final = "application/json"
ORDERS_PREFIX: Final = "orders/"
# The largest number of tracks of one job.
MAX_TRACKS: Final = 200

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ADDRESS = re.compile(rf"gs://({_BUCKET.pattern})/([^\r\n]{{1,1024}})")
_TOPIC = re.compile(r"projects/[a-z0-9.:-]{1,100}/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
# Only the engine checks the form: if the operator's setting is wrong, the fallback engine still makes the music.
_ENDPOINT = re.compile(r"\S{0,500}")
_ATTEMPT: Final = (1, 999_999)
_PROMPT_VERSION = re.compile(r"[\w.-]{0,50}")
_SECRET_VERSION = re.compile(r"(projects/[a-z0-9.:-]{1,100}/secrets/[A-Za-z0-9_-]{1,255}/versions/[0-9]{1,9})?")


@dataclass(frozen=True)
class Order:
    """What the step makes of one track's attempt, and where the music and the message about it go.

    ``seconds`` is the length of the music, ``events_topic`` is ``projects/P/topics/T``, and ``cover`` is the ``gs://``
    address of the picture that the MP3 shows.
    ``fallback_engine`` and ``model_endpoint`` are empty if the operator has set none. ``prompt_version`` is the version
    of the describer's prompt, empty if it is unknown. ``expires_at`` is when the track's session ends, as ISO 8601 with
    a time zone; empty if it is unknown. ``keep`` says which music of other seeds the composer keeps, oldest first.
    ``export`` is the kind of export to make, empty for music. ``model`` is the composer that must make the export, or
    the music that keeps a part; empty for any. ``signer`` is the version of the secret with the key that marks the
    music, as ``projects/P/secrets/S/versions/V``. The mapping does not have these four if they are empty.
    """

    track: str
    attempt: int
    brief: Brief
    engine: str
    seconds: int
    seed: int
    results_bucket: str
    results_token: str
    events_topic: str
    cover: str
    fallback_engine: str = ""
    model_endpoint: str = ""
    prompt_version: str = ""
    expires_at: str = ""
    keep: tuple[Kept, ...] = ()
    export: str = ""
    model: str = ""
    signer: str = ""

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read an order and check every bound; raise OrderError naming the first field that is wrong."""
        return cls(
            track=_track(data),
            attempt=_whole_number(data, "attempt", _ATTEMPT),
            brief=_brief(data),
            engine=_choice(data, "engine", ENGINES),
            seconds=_whole_number(data, "seconds", DURATION_SECONDS),
            seed=_whole_number(data, "seed", SEED),
            results_bucket=_text(data, "resultsBucket", _BUCKET),
            results_token=_token(data),
            events_topic=_text(data, "eventsTopic", _TOPIC),
            cover=_text(data, "cover", _ADDRESS),
            fallback_engine=_choice(data, "fallbackEngine", ("", *ENGINES)),
            model_endpoint=_text(data, "modelEndpoint", _ENDPOINT),
            prompt_version=_text(data, "promptVersion", _PROMPT_VERSION),
            expires_at=_moment(data),
            keep=_keep(data),
            export=_export(data),
            model=_model(data),
            # An order of an earlier release has no signer.
            signer=_text({"signer": ""} | dict(data), "signer", _SECRET_VERSION),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the order as JSON values."""
        order = documents.to_mapping(self) | {"brief": self.brief.to_mapping()}
        order["keep"] = [kept.to_mapping() for kept in self.keep]
        optional = {"keep", "export", "model", "signer"}
        return {name: value for name, value in order.items() if value or name not in optional}

    @property
    def kept_except(self) -> tuple[str, ...]:
        """Return the parts and sections that are made again while the rest is kept, oldest first."""
        return tuple(kept.exception for kept in self.keep)


@dataclass(frozen=True)
class CalledOff:
    """What replaces the order of a cancelled or erased track: the folder in which the job may have written."""

    track: str
    attempt: int
    results_token: str

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read it; raise OrderError naming the first field that is wrong."""
        return cls(_track(data), _whole_number(data, "attempt", _ATTEMPT), _token(data))

    def to_mapping(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return documents.to_mapping(self) | {"calledOff": True}


def orders_to_bytes(orders: Sequence[Order | CalledOff]) -> bytes:
    """Return the content of an order object."""
    return json.dumps([order.to_mapping() for order in orders], ensure_ascii=False).encode()


def orders_from_bytes(data: bytes, job: str = "") -> tuple[Order | CalledOff, ...]:
    """Read the content of an order object; raise OrderError if it is not one.

    ``job`` completes an order that an earlier release wrote: it names neither its track nor its attempt.
    """
    try:
        orders = json.loads(data)
    except (ValueError, RecursionError):
        # The JSON error shows a part of the text, and this message may be logged.
        raise OrderError("order", "must be JSON") from None
    if not isinstance(orders, list) or not 0 < len(orders) <= MAX_TRACKS:
        raise OrderError("order", f"must be a list of 1 to {MAX_TRACKS} orders")
    if not all(isinstance(order, dict) for order in orders):
        raise OrderError("order", "must be a list of objects")
    if len(orders) == 1 and not orders[0].keys() & {"track", "attempt"}:
        orders = [orders[0] | _origin(job)]
    return tuple((CalledOff if order.get("calledOff") is True else Order).from_mapping(order) for order in orders)


def order_name(job: str) -> str:
    """Return the name of a job's order in the pipeline's bucket."""
    return f"{ORDERS_PREFIX}{job}.json"


def order_address(bucket: str, job: str) -> str:
    """Return the ``gs://`` address of a job's order."""
    return f"gs://{bucket}/{order_name(job)}"


def track_orders_prefix(track: str) -> str:
    """Return the prefix that the names of the orders of a track's own jobs have in common."""
    return f"{ORDERS_PREFIX}mg-{track}-"


def bucket_and_name(address: str) -> tuple[str, str]:
    """Split a ``gs://bucket/name`` address; raise OrderError if it is not one."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise OrderError("address", "must look like gs://bucket/name")
    return match[1], match[2]


def _origin(job: str) -> dict[str, Any]:
    origin = track_and_attempt(job)
    return {"track": origin[0], "attempt": origin[1]} if origin else {}


# No message shows a value: the step's errors end up in its log and in the job's record.
def _brief(data: Mapping[str, Any]) -> Brief:
    brief = data.get("brief")
    if not isinstance(brief, dict):
        raise OrderError("brief", "must be an object")
    try:
        return Brief.from_mapping(brief)
    except BriefError as error:
        raise OrderError(f"brief.{error.field}", "is not valid") from None


def _keep(data: Mapping[str, Any]) -> tuple[Kept, ...]:
    try:
        return read_keep(data.get("keep"))
    except BriefError:
        raise OrderError("keep", "is not valid") from None


def _export(data: Mapping[str, Any]) -> str:
    if "export" not in data:
        return ""
    export = _choice(data, "export", tuple(EXPORT_FILES))
    if data.get("engine") != COMPOSER:
        raise OrderError("engine", f"must be {COMPOSER!r} for an export")
    return export


def _model(data: Mapping[str, Any]) -> str:
    # Music that keeps nothing has none, nor has the order of an earlier release.
    return _text(data if "export" in data else {"model": ""} | dict(data), "model", MODEL)


def _choice(data: Mapping[str, Any], field: str, choices: Sequence[str]) -> str:
    value = data.get(field)
    if not isinstance(value, str) or value not in choices:
        raise OrderError(field, f"must be one of {', '.join(map(repr, choices))}")
    return value


def _whole_number(data: Mapping[str, Any], field: str, bounds: tuple[int, int]) -> int:
    value = data.get(field)
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OrderError(field, f"must be a whole number from {low} to {high}")
    return value


def _text(data: Mapping[str, Any], field: str, pattern: re.Pattern[str]) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise OrderError(field, f"must match {pattern.pattern}")
    return value


def _moment(data: Mapping[str, Any]) -> str:
    value = data.get("expiresAt")
    try:
        is_moment = isinstance(value, str) and (not value or datetime.fromisoformat(value).tzinfo is not None)
    except ValueError:
        is_moment = False
    if not is_moment:
        raise OrderError("expiresAt", "must be a time with its zone, or empty")
    return str(value)


def _track(data: Mapping[str, Any]) -> str:
    value = data.get("track")
    if not isinstance(value, str) or not is_track_id(value):
        raise OrderError("track", "must be a track id")
    return value


def _token(data: Mapping[str, Any]) -> str:
    value = data.get("resultsToken")
    if not isinstance(value, str) or not is_results_token(value):
        raise OrderError("resultsToken", "must be a results token")
    return value
