"""Accept spans by OTLP over HTTP and show them by trace as JSON: ``python -m localcloud.servers.telemetry``."""

import threading
from collections import OrderedDict
from typing import Any, Final

from flask import Flask, Response, jsonify, request
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from localcloud.addresses import Addresses
from localcloud.servers.google_errors import answer_like_google, require_bearer
from localcloud.servers.serving import HEALTH_PATH, serve

_TRACES_KEPT: Final = 1000


def app() -> Flask:
    """Return the WSGI app; it keeps the last thousand traces, and the last version of a span."""
    traces: OrderedDict[str, dict[str, Any]] = OrderedDict()
    lock = threading.Lock()
    server = Flask(__name__)
    answer_like_google(server)

    @server.post("/v1/traces")
    def _take() -> Response:
        require_bearer()
        taken = ExportTraceServiceRequest.FromString(request.get_data())
        with lock:
            for resource in taken.resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    about = MessageToDict(resource.resource)
                    shown = MessageToDict(span) | {"resource": about, "spanId": span.span_id.hex()}
                    shown |= {"parentSpanId": span.parent_span_id.hex(), "traceId": span.trace_id.hex()}
                    traces.setdefault(span.trace_id.hex(), {})[span.span_id.hex()] = shown
            while len(traces) > _TRACES_KEPT:
                traces.popitem(last=False)
        return Response(ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf")

    @server.get("/v1/traces/<trace>")
    def _show(trace: str) -> Response:
        with lock:
            return jsonify(list(traces.get(trace, {}).values()))

    @server.get(HEALTH_PATH)
    def _health() -> str:
        return "ok"

    return server


if __name__ == "__main__":
    serve(app(), Addresses.from_environ().ports["telemetry"])
