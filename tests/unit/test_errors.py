import inspect
import re
from collections.abc import Iterator

import pytest

from musicgenerator import errors
from musicgenerator.briefs import LANGUAGES
from musicgenerator.errors import (
    BlockedError,
    BriefError,
    ContentRejectedError,
    DescriberBlockedError,
    MalformedEventError,
    MusicgeneratorError,
    PermanentError,
    PipelineFailedError,
    TransientError,
)
from musicgenerator.exports import ComposerChangedError
from musicgenerator.states import Status
from tests.contracts.recorded import recorded


def below(parent: type[MusicgeneratorError]) -> Iterator[type[MusicgeneratorError]]:
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from below(child)


def reasons() -> list[type[PermanentError]]:
    """Return the permanent errors that can be raised, without the classes that only group others."""
    tree = [kind for kind in below(PermanentError) if issubclass(kind, PermanentError) and hasattr(kind, "code")]
    return [*tree, ComposerChangedError]


def made(kind: type[PermanentError]) -> PermanentError:
    return BriefError("seed", "is wrong") if kind is BriefError else kind("detail")


def test_a_class_without_a_code_only_groups_others() -> None:
    """Every permanent error that can be raised has a code."""
    groups = {kind for kind in below(PermanentError) if not hasattr(kind, "code")}
    assert groups == {errors.PictureError, errors.MusicError}
    assert all(kind.__subclasses__() for kind in groups)


@pytest.mark.parametrize("kind", reasons())
def test_every_permanent_error_says_what_happened_in_both_languages(kind: type[PermanentError]) -> None:
    """The Korean message has Korean letters, the English one has none, both are sentences; the status is final."""
    assert set(kind.words) == set(LANGUAGES)
    assert re.search(r"[가-힣]", kind.words["ko"])
    assert not re.search(r"[가-힣]", kind.words["en"])
    assert all(words.endswith(".") and words.count(".") >= 1 for words in kind.words.values())
    assert kind.status in {Status.FAILED, Status.REJECTED, Status.CANCELLED}
    for language, words in kind.words.items():
        expected = {"code": kind.code, "message": words, "retryable": kind.retryable}
        assert made(kind).to_mapping(language) == expected


@pytest.mark.parametrize("kind", BlockedError.__subclasses__())
def test_every_blocked_error_says_that_the_track_waits_in_both_languages(kind: type[BlockedError]) -> None:
    """It has the same kind of messages and is never retryable."""
    assert set(kind.words) == set(LANGUAGES)
    assert re.search(r"[가-힣]", kind.words["ko"])
    assert not re.search(r"[가-힣]", kind.words["en"])
    assert all(words.endswith(".") for words in kind.words.values())
    for language, words in kind.words.items():
        assert kind("detail").to_mapping(language) == {"code": kind.code, "message": words, "retryable": False}
    assert kind("detail").to_mapping("fr")["message"] == kind.words["en"]


def test_codes_are_unique() -> None:
    """Each class has its own code."""
    codes = [kind.code for kind in reasons()] + [kind.code for kind in BlockedError.__subclasses__()]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)


def test_an_unknown_language_is_answered_in_english() -> None:
    """A message exists for every language."""
    assert PipelineFailedError("").to_mapping("fr")["message"] == PipelineFailedError.words["en"]


def test_the_recorded_tracks_end_with_these_words() -> None:
    """The recorded documents contain these error fields."""
    assert PipelineFailedError("").to_mapping("ko") == recorded("track_failed")["error"]
    assert ContentRejectedError("").to_mapping("ko") == recorded("track_rejected")["error"]
    assert DescriberBlockedError("").to_mapping("ko") == recorded("track_parked")["error"]


def test_the_tree_at_the_top_names_every_class_and_no_other() -> None:
    """The module's docstring is complete."""
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert set(re.findall(r"\b\w+Error\b", errors.__doc__ or "")) == defined


def test_the_tree_at_the_top_shows_the_classes_where_they_are() -> None:
    """The depth of a class in the docstring is its depth in the code."""
    shown: dict[str, int] = {}
    for line in (errors.__doc__ or "").splitlines():
        names = re.findall(r"\b\w+Error\b", line)
        depth = len(re.match(r"[│├└─ ]*", line)[0]) // 4  # type: ignore[index]
        shown |= dict.fromkeys(names, depth)
    real = {kind.__name__: len(kind.__mro__) - len(MusicgeneratorError.__mro__) for kind in below(MusicgeneratorError)}
    assert shown == {"MusicgeneratorError": 0, **real}


def test_every_error_has_a_docstring_of_one_line() -> None:
    """It states the reason."""
    for kind in below(MusicgeneratorError):
        assert kind.__doc__
        assert "\n" not in kind.__doc__


def test_four_branches_decide_delivery() -> None:
    """Every error is permanent, blocked, transient or malformed, and only one of these; the step raises OrderError."""
    branches = (PermanentError, BlockedError, TransientError, MalformedEventError, errors.OrderError)
    assert all(sum(issubclass(kind, branch) for branch in branches) == 1 for kind in below(MusicgeneratorError))
