"""Call gcloud through the server of ``warm_gcloud.py`` at the socket ``WARM_GCLOUD``."""

import array
import json
import os
import socket
import sys


def main() -> int:
    """Send arguments, environment, folder and standard streams; return gcloud's exit status."""
    call = {"arguments": sys.argv[1:], "environ": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109  a program of three imports starts sooner
    body = json.dumps(call).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.environ["WARM_GCLOUD"])
        streams = array.array("i", [0, 1, 2])
        connection.sendmsg([len(body).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.sendall(body)
        return connection.recv(1)[0]


if __name__ == "__main__":
    sys.exit(main())
