"""The local cloud's commands: run and demo."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import operations.interrupts  # noqa: F401  it sets a hook
from localcloud import demo, provision
from localcloud.addresses import Addresses, running_pid
from localcloud.cloud import running
from localcloud.prerequisites import MissingToolError
from localcloud.supervisor import StartError
from musicgenerator.settings import SettingInvalidError
from operations.dropping import DropError, listed, named
from operations.following import SilentTrackError
from operations.wishes import WishError, metadata

_ERRORS: Final = (StartError, MissingToolError, DropError, SilentTrackError, WishError, SettingInvalidError)
_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run one command and return its exit code; errors that a person can fix are printed without a traceback."""
    arguments = _arguments()
    # A shell starts background processes with SIGINT ignored.
    for number in _ENDS:
        signal.signal(number, _end)
    addresses = Addresses.from_environ()
    try:
        return _run(addresses) if arguments.command == "run" else _demo(addresses, arguments)
    except _ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130


def _run(addresses: Addresses) -> int:
    pid = running_pid(addresses)
    if pid is not None:
        print(f"The local cloud is already up (process {pid}): {addresses.url('page')}")
        return 0
    print("Starting the local cloud …")
    with running(addresses, show=print, isolated=False) as supervisor:
        print(f"\nThe page: {addresses.url('page')}    logs: {addresses.home / 'logs'}    Stop with Ctrl-C.\n")
        supervisor.wait()
    return 0


def _demo(addresses: Addresses, arguments: argparse.Namespace) -> int:
    # Refuse wrong arguments before anything starts.
    wishes = metadata(arguments.language, arguments.seconds)
    pictures = named([*arguments.images, *listed(arguments.list)] or sorted(demo.PHOTOS.glob("*.jpg")))
    out = _folder(arguments.out)

    def make_music() -> int:
        session = provision.drop_session(addresses)
        ready = demo.make_music(pictures, session, wishes, out)
        if not ready:
            print("\nSome pictures did not become music; the reasons are above.", file=sys.stderr)
        return 0 if ready else 1

    if running_pid(addresses) is not None:
        os.environ.update(addresses.client_environ())
        return make_music()
    print("Starting the local cloud …")
    with running(addresses, show=lambda _: None, with_page=False, isolated=False):
        return make_music()


def _folder(name: str) -> Path:
    """Create the folder for the music; raise DropError if that is not possible."""
    folder = Path(name).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DropError(f"OUT must be a folder for the music: {error}") from error
    return folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start the local cloud and the page, until Ctrl-C")
    command = commands.add_parser("demo", help="make music from pictures")
    command.add_argument("images", nargs="*", type=Path, help="pictures; by default those in localcloud/photos")
    command.add_argument("--list", default="", help="further pictures in one text, separated by spaces")
    command.add_argument("--out", default="out", help="the folder for the music")
    command.add_argument("--language", default="", help="the language of title and caption: ko or en")
    command.add_argument("--seconds", default="", help="the length of the music in seconds, 10 to 180")
    return parser.parse_args()


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    # A second Ctrl-C would interrupt the end, and leave parts running.
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
