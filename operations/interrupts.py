"""Let Ctrl-C end a command without a traceback; a command imports this before the modules that take time to load."""

import sys
from types import TracebackType


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print()
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _end
