"""A server that imports the installed gcloud once and forks for each call; gcloud's own Python runs it.

``PYTHON -S warm_gcloud.py SDK_ROOT SOCKET`` imports gcloud's modules and listens; each connection sends one call
(arguments, environment, folder and the three standard streams) and receives its exit status.
The fork runs ``googlecloudsdk.gcloud_main.main`` with the caller's arguments, as the program `gcloud` does.
This saves the second of CPU time that each start costs, and the interpreter's shutdown.
"""

import array
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

# Modules that most calls import.
_MODULES = (
    "googlecloudsdk.calliope.arg_parsers",
    "googlecloudsdk.api_lib.util.apis",
    "googlecloudsdk.command_lib.util.apis.yaml_command_translator",
    "googlecloudsdk.command_lib.util.apis.update",
    "googlecloudsdk.command_lib.iam.iam_util",
    "googlecloudsdk.core.credentials.store",
    "googlecloudsdk.core.resource.resource_printer",
    "googlecloudsdk.core.resource.resource_projection_spec",
    "googlecloudsdk.core.resource.json_printer",
    "googlecloudsdk.core.transports",
    "googlecloudsdk.core.requests",
    "googlecloudsdk.api_lib.pubsub.topics",
    "googlecloudsdk.api_lib.pubsub.subscriptions",
    "googlecloudsdk.api_lib.storage.gcs_json.client",
    "googlecloudsdk.command_lib.storage.tasks.cp.copy_task_factory",
    "googlecloudsdk.command_lib.functions.v2.deploy.command",
    "googlecloudsdk.api_lib.eventarc.triggers",
    "googlecloudsdk.api_lib.run.global_methods",
    "googlecloudsdk.api_lib.services.serviceusage",
    "googlecloudsdk.core.console.progress_tracker",
    "apitools.base.py",
    "surface",
    "requests",
)


# Commands whose part of gcloud's command tree is loaded before the first call.
_COMMANDS = (
    "artifacts repositories create",
    "artifacts repositories list",
    "builds submit",
    "eventarc triggers create",
    "firestore databases list",
    "firestore fields ttls update",
    "firestore indexes fields update",
    "functions deploy",
    "iam roles create",
    "iam service-accounts create",
    "iam service-accounts get-iam-policy",
    "logging metrics create",
    "logging sinks create",
    "monitoring dashboards create",
    "monitoring policies create",
    "projects get-iam-policy",
    "pubsub subscriptions update",
    "pubsub topics set-iam-policy",
    "run services set-iam-policy",
    "scheduler jobs create pubsub",
    "secrets versions add",
    "services list",
    "storage buckets get-iam-policy",
    "storage buckets update",
    "storage cp",
)


def _loaded(root: str) -> tuple[Any, Any]:
    lib = Path(root) / "lib"
    sys.path[:0] = [str(lib / "third_party"), str(lib)]
    sys.argv[:] = [str(lib / "gcloud.py")]
    for module in ("googlecloudsdk.gcloud_main", *_MODULES):
        try:
            importlib.import_module(module)
        except ImportError as error:
            sys.stderr.write(f"not preloaded: {error}\n")
    gcloud_main = sys.modules["googlecloudsdk.gcloud_main"]
    tree = gcloud_main.CreateCLI([])
    for command in _COMMANDS:
        tree.top_element.LoadSubElementByPath(command.split())
    return gcloud_main, tree


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    files: array.array[int] = array.array("i")
    data, ancillary, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(3 * files.itemsize))
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(content[: len(content) - len(content) % files.itemsize])
    length = int.from_bytes(data, "big")
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return json.loads(body), list(files)


def _run(gcloud_main: Any, tree: Any, call: dict[str, Any], files: list[int]) -> int:
    """Run one call in this process and return its exit status."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(call["environ"])
    os.chdir(call["folder"])
    sys.argv[1:] = call["arguments"]
    try:
        ended = gcloud_main.main(tree)
    except SystemExit as error:
        ended = error.code
    except BaseException:  # noqa: BLE001  the interpreter also catches everything
        traceback.print_exc()
        ended = 1
    if ended is not None and not isinstance(ended, int):
        sys.stderr.write(f"{ended}\n")
        ended = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return (ended or 0) & 255


def main() -> None:
    root, path = sys.argv[1:]
    gcloud_main, tree = _loaded(root)
    # The garbage collector of a fork skips frozen objects, so it does not copy their memory pages.
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = listener.accept()
            if os.fork():
                connection.close()
                continue
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            status = _run(gcloud_main, tree, *_received(connection))
            connection.sendall(bytes([status]))
            # The interpreter's shutdown would take a tenth of a call's time.
            os._exit(status)


if __name__ == "__main__":
    main()
