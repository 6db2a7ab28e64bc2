"""Let Ctrl-C end a command without a traceback; a command imports this before the modules that take time to load."""

import signal
import sys
from types import TracebackType


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print()
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _end
# A shell starts background processes with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
