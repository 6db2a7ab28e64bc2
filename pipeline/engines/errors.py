"""Why an engine gave no music.

EngineError                     this engine makes no music in this run; another engine may
├── EngineNotConfiguredError    a setting or the credentials are missing
├── EngineUnavailableError      it stayed busy or unreachable for as long as the step can wait
├── RequestRefusedError         it refused the request, and would refuse it again
│   ├── SafetyBlockedError      its safety filters blocked the prompt or the music
│   └── RecitationBlockedError  the music was too similar to existing music
└── NoAudioError                its answer has no audible audio
"""

from musicgenerator.errors import MusicgeneratorError


class EngineError(MusicgeneratorError):
    """The engine makes no music in this run."""


class EngineNotConfiguredError(EngineError):
    """A setting or the credentials of the engine are missing."""


class EngineUnavailableError(EngineError):
    """The engine stayed busy or unreachable for as long as the step can wait."""


class RequestRefusedError(EngineError):
    """The engine refused the request, and would refuse it again."""


class SafetyBlockedError(RequestRefusedError):
    """The engine's safety filters blocked the prompt or the music."""


class RecitationBlockedError(RequestRefusedError):
    """The music was too similar to existing music."""


class NoAudioError(EngineError):
    """The engine's answer has no audible audio."""
