"""The packages that a function imports before it can answer; each one is part of its cold start."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# functions-framework with Flask; Firestore's client with gRPC; Cloud Storage's client with HTTP.
FRAMEWORK = {"blinker", "certifi", "charset_normalizer", "click", "cloudevents", "deprecation", "flask"} | {
    "functions_framework", "idna", "itsdangerous", "jinja2", "markupsafe", "packaging", "requests", "urllib3",
    "werkzeug",
}  # fmt: skip
GOOGLE = {"cryptography", "google", "grpc", "grpc_status", "opentelemetry", "proto", "typing_extensions"} | {
    f"google.{name}"
    for name in (
        "_upb",
        "api",
        "api_core",
        "auth",
        "longrunning",
        "oauth2",
        "protobuf",
        "resumable_media",
        "rpc",
        "type",
    )
}
CLIENTS = {"google.cloud"} | {
    f"google.cloud.{name}"
    for name in ("_helpers", "_http", "client", "exceptions", "location", "version", "functions", "functions_v1")
}
MAY_LOAD = (
    FRAMEWORK | GOOGLE | CLIENTS | {"google.cloud.firestore", "google.cloud.firestore_v1", "google.cloud.storage"}
)
# OpenAI's client with httpx2 and pydantic.
OPENAI = {"annotated_types", "anyio", "httpx2", "openai", "pydantic", "pydantic_core", "sniffio", "typing_inspection"}
MORE = {
    "captioner": OPENAI,
    "pipeline_launcher": {"yaml"},
    "result_notifier": set[str](),
    # The composer, mastering and MP3 encoding.
    "sketcher": {"lameenc", "mido", "mutagen", "numpy", "pyloudnorm", "scipy", "soundfile", "tinysoundfont"},
    "upload_handler": set[str](),
}
PROGRAM = """
import json, sys
import main
print(json.dumps([name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]))
"""


@functools.cache
def loaded(function: str) -> set[str]:
    """Return the packages that a function's ``main`` imports; Google's are named one or two levels deeper."""
    folder = REPOSITORY / "functions" / function
    done = subprocess.run(
        # Not this interpreter, because OpenAI's client imports aiohttp where it is installed.
        [REPOSITORY / ".venvs" / function / "bin" / "python", "-c", PROGRAM],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(REPOSITORY / "src"), str(REPOSITORY)))},
        capture_output=True,
        text=True,
        check=True,
    )
    own = {path.stem for path in folder.glob("*.py")} | {"musicgenerator", "musicgenerator_google", "pipeline"}
    found = set()
    for name in json.loads(done.stdout):
        parts = name.split(".")
        if parts[0] in own or parts[0] in sys.stdlib_module_names or "cython" in parts[0] or parts[0].startswith("_"):
            continue
        depth = 1 if parts[0] != "google" else 3 if parts[1:2] == ["cloud"] else 2
        found.add(".".join(parts[:depth]))
    return found


@pytest.mark.parametrize("function", sorted(MORE))
def test_a_function_loads_only_what_its_first_event_needs(function: str) -> None:
    """Vertex AI's client, kfp and Pub/Sub's publisher are imported at their first use, or never."""
    assert loaded(function) - MAY_LOAD - MORE[function] == set()


@pytest.mark.parametrize("function", sorted(MORE))
def test_a_function_loads_every_listed_package(function: str) -> None:
    """The list above names no package that is no longer imported."""
    assert (MORE[function] | {"functions_framework", "google.cloud.firestore"}) - loaded(function) == set()
