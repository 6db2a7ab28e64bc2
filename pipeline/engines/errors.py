"""Why an engine gave no music.

EngineError                     this engine will not do it within this run; another one may
├── EngineNotConfiguredError    the operator has not said where it is, or has given no credentials
├── EngineUnavailableError      it stayed busy or out of reach for as long as the step can wait
├── RequestRefusedError         it refused the request for a reason that the next two do not name
│   ├── SafetyBlockedError      its safety filters declined the prompt or what came of it
│   └── RecitationBlockedError  what came of the prompt was too close to music that exists
└── NoAudioError                it answered with nothing that can be heard
"""

from musicgenerator.errors import MusicgeneratorError


class EngineError(MusicgeneratorError):
    """The engine will not make this music within this run."""


class EngineNotConfiguredError(EngineError):
    """The operator has not said where the engine is, or has given no credentials for it."""


class EngineUnavailableError(EngineError):
    """The engine stayed busy or out of reach for as long as the step can wait."""


class RequestRefusedError(EngineError):
    """The engine refused the request, and would again."""


class SafetyBlockedError(RequestRefusedError):
    """The engine's safety filters declined the prompt or what came of it."""


class RecitationBlockedError(RequestRefusedError):
    """What came of the prompt was too close to music that exists."""


class NoAudioError(EngineError):
    """The engine answered with nothing that can be heard."""
