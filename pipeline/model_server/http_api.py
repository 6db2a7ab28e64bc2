"""The two routes of a custom container: health and predict."""

from typing import Final

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from pipeline.model_server.predicting import InstanceError, PredictionError, Predictor, instances_of

# A request of eight prompts is far smaller.
MAX_BODY_BYTES: Final = 1_500_000
RETRY_AFTER_SECONDS: Final = 5

_BUSY: Final = (429, 503)


def app(predictor: Predictor, health_route: str, predict_route: str) -> Flask:
    """Return the WSGI app that serves this predictor."""
    api = Flask(__name__)
    api.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @api.get(health_route)
    def _health() -> ResponseReturnValue:
        return ("ok", 200) if predictor.is_ready else ("not ready", 503)

    @api.post(predict_route)
    def _predict() -> ResponseReturnValue:
        body = request.get_json(force=True, silent=True)
        if body is None:
            raise InstanceError("the body must be JSON")
        return jsonify(predictions=predictor.predict(instances_of(body)))

    @api.errorhandler(PredictionError)
    def _refuse(error: PredictionError) -> ResponseReturnValue:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if error.status in _BUSY else {}
        return jsonify(error=str(error)), error.status, headers

    return api
