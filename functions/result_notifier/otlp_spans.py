"""Send a track's stages as OpenTelemetry spans, by its standard exporter.

The spans have the trace id of the track's log lines. Their ids derive from the track, so sending twice is harmless.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from musicgenerator import logs
from musicgenerator.stages import stages
from musicgenerator.tracks import Track

_EXPORT_TIMEOUT_SECONDS: Final = 5.0


class OtlpSpans:
    """Sends spans to Cloud Trace, or to another server that accepts OTLP over HTTP, at ``url``.

    Give it its own ``session``, because the exporter changes the session's headers.
    """

    def __init__(self, session: AuthorizedSession, url: str, project: str) -> None:
        self._session, self._url, self._project = session, url, project

    def send(self, track: Track, timeline: Mapping[str, datetime], error: str) -> None:
        """Send one span for the attempt and one for each of its stages; ``error`` is a code, empty for success.

        The track has ended already, so an error is only logged.
        """
        # These imports take a fifth of a cold start, and only a track that ends needs them.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.export import SpanExportResult
        from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

        trace = int(logs.trace_of(track.track_id), 16)
        resource = Resource({"service.name": "musicgenerator", "gcp.project_id": self._project})

        def context(name: str) -> SpanContext:
            digest = hashlib.sha256(f"span {track.track_id} {track.attempt} {name}".encode()).hexdigest()
            return SpanContext(trace, int(digest[:16], 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

        root = context("track")
        batch = [
            ReadableSpan(
                stage.name,
                context(stage.name),
                parent=root,
                resource=resource,
                start_time=_nanoseconds(stage.began),
                end_time=_nanoseconds(stage.ended),
            )
            for stage in stages(timeline)
        ]
        attributes: dict[str, str | int] = {
            "musicgenerator.track": track.track_id,
            "musicgenerator.attempt": track.attempt,
        }
        if error:
            attributes["error.type"] = error
        batch.append(
            ReadableSpan(
                "track",
                root,
                resource=resource,
                attributes=attributes,
                status=Status(StatusCode.ERROR, error) if error else Status(StatusCode.OK),
                start_time=_nanoseconds(min(timeline.values())),
                end_time=_nanoseconds(max(timeline.values())),
            )
        )
        exporter = OTLPSpanExporter(f"{self._url}/v1/traces", session=self._session, timeout=_EXPORT_TIMEOUT_SECONDS)
        try:
            sent = exporter.export(batch) is SpanExportResult.SUCCESS
        except GoogleAuthError as refused:
            logs.warning("spans not sent", track=track.track_id, reason=repr(refused))
        else:
            if not sent:
                logs.warning("spans not sent", track=track.track_id, reason=f"{self._url} refused them")


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
