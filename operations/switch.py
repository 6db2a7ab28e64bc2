"""Pauses the system or lets it go on: ``python -m operations.switch on|off``.

While it is paused no command is taken and nothing is launched; what is being composed is finished.
Reads what ``operations/clients.py`` reads; running it twice is harmless.
"""

import argparse
import sys
from collections.abc import Sequence

from musicgenerator_google.firestore_switch import FirestoreSwitch
from operations.clients import database_client


def main(arguments: Sequence[str]) -> int:
    """Turn the switch and say so."""
    parser = argparse.ArgumentParser(prog="python -m operations.switch", description="Pause the system or resume it.")
    parser.add_argument("state", choices=("on", "off"), help="'on' pauses, 'off' lets it go on")
    paused = parser.parse_args(arguments).state == "on"
    FirestoreSwitch(database_client()).turn(paused=paused)
    print("Paused: no command is taken and nothing is launched." if paused else "Not paused.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
