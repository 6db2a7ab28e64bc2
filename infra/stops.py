"""The errors that end a command.

StoppedError         the operator reads the message and does something
└─ CommandFailedError   a command of gcloud, or a request, failed; ``output`` is what it said
   └─ StillEarlyError   it failed for as long as the engine was willing to retry it
"""


class StoppedError(Exception):
    """The command cannot go on, and the message says why."""


class CommandFailedError(StoppedError):
    """Google refused a command or a request."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


class StillEarlyError(CommandFailedError):
    """Google still does not see what was just created."""
