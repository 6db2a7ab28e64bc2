"""Pause or resume the installation: ``python -m operations.switch on|off``.

While the installation is paused, the API refuses commands, the sketcher makes no sketches and the launcher creates no
jobs; running jobs finish.
Running the command twice is harmless.
"""

import argparse
import sys
from collections.abc import Sequence

from musicgenerator_google.firestore_switch import FirestoreSwitch
from operations.clients import database_client


def main(arguments: Sequence[str]) -> int:
    """Turn the switch and print its state."""
    parser = argparse.ArgumentParser(prog="python -m operations.switch", description="Pause the system or resume it.")
    parser.add_argument("state", choices=("on", "off"), help="'on' pauses, 'off' resumes")
    paused = parser.parse_args(arguments).state == "on"
    FirestoreSwitch(database_client()).turn(paused=paused)
    print("Paused: the API refuses commands, no sketch is made and no job is launched." if paused else "Not paused.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
