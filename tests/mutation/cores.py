"""The cores and the tests that concern them."""

from typing import Final

# Each core, with the tests that run after a change of it: `tests/unit/test_NAME.py` or
# `tests/functions/test_NAME.py`, the likeliest first.
CORES: Final = {
    "functions/captioner/captioning.py": (
        "captioning claiming drops parking overtaken_captioner captioner_objects encoded_pictures"
    ),
    "functions/captioner/dropped_tracks.py": "drops captioner_objects",
    "functions/captioner/picture_objects.py": "encoded_pictures drops captioning",
    "functions/pipeline_launcher/creating.py": (
        "runs launching calling_off regions limits overtaken_launcher job_records"
    ),
    "functions/pipeline_launcher/launching.py": "launching runs calling_off regions limits overtaken_launcher",
    "functions/result_notifier/closing.py": "closing runs calling_off",
    "functions/result_notifier/gathering.py": "gathering",
    "functions/result_notifier/notifying.py": "notifying runs closing calling_off regions overtaken_notifier",
    "functions/result_notifier/sweeping.py": "turns sweeps",
    "functions/sketcher/sketching.py": "sketching",
    "functions/upload_handler/admitting.py": "limits uploading commanding retrying erasing",
    "functions/upload_handler/calling_off.py": "commanding runs regions erasing overtaken_commands",
    "functions/upload_handler/command_requests.py": "commanding uploading",
    "functions/upload_handler/commanding.py": "commanding retrying limits overtaken_commands",
    "functions/upload_handler/erasing.py": "commanding erasing runs overtaken_erasures moving",
    "functions/upload_handler/exporting.py": "exporting",
    "functions/upload_handler/liking.py": "liking",
    "functions/upload_handler/moving.py": "moving",
    "functions/upload_handler/sessions.py": "uploading commanding erasing limits",
    "functions/upload_handler/uploading.py": "uploading limits overtaken_commands",
    "src/musicgenerator/orders.py": "orders order_book",
    "src/musicgenerator/order_book.py": "order_book orders",
    "src/musicgenerator/tracks.py": "tracks steps",
    "src/musicgenerator/states.py": "states",
    "src/musicgenerator/counting.py": "counting",
    "src/musicgenerator/messages.py": "messages",
    "src/musicgenerator/events.py": "events",
    "src/musicgenerator/drops.py": "drop_rules",
    "src/musicgenerator/encodings.py": "encodings",
    "src/musicgenerator/signatures.py": "signatures",
    "src/musicgenerator/results.py": "results",
    "src/musicgenerator/ids.py": "ids orders",
    "src/musicgenerator/patience.py": "patience",
    "src/musicgenerator/settings.py": "settings patience",
    "src/musicgenerator/documents.py": "tracks",
    "src/musicgenerator/jobs.py": "jobs",
}

# Packages that the tests import and no core changes, imported once for all changes.
PRELOADED: Final = (
    "_pytest.assertion.rewrite",
    "flask",
    "google.auth.transport.requests",
    "google.cloud.aiplatform_v1",
    "google.cloud.firestore",
    "google.cloud.pubsub",
    "google.cloud.storage",
    "hypothesis.strategies",
    "requests",
    "xdist.plugin",
    "yaml",
)
