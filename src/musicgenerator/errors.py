"""The error tree decides delivery.

MusicgeneratorError
├── PermanentError              written to the track with a message for the person, then acknowledged
│   ├── PictureError            the picture cannot be used; the person needs another one
│   │   ├── PictureGoneError, EmptyPictureError, NotAnImageError, UnsupportedFormatError, PictureTooLargeError,
│   │   └── TooManyPixelsError, TooSmallPictureError, TooComplexPictureError, TruncatedPictureError, DamagedPictureError
│   ├── ContentRejectedError    moderation or the model declined the picture: the track is ``rejected``
│   ├── CaptionFailedError      the describer's answer cannot be used
│   ├── BriefError              a field of the brief or request is invalid
│   ├── LaunchRefusedError      Vertex AI will never accept this job
│   ├── BudgetSpentError        the day's launches are used up
│   ├── UploadMissingError      the picture was not uploaded in time
│   ├── CaptionAbandonedError   describing the picture failed too often
│   ├── TrackCancelledError     the person cancelled the track
│   └── MusicError              the pipeline ended without music
│       └── PipelineFailedError, PipelineCancelledError, MusicMissingError
├── BlockedError                only the operator can fix the cause: the track is parked, the event acknowledged
│   ├── DescriberBlockedError   the describer's quota is spent, or its key or model is refused
│   └── LaunchBlockedError      Vertex AI refuses this project's requests
├── TransientError              raised by the handler, so that the event is delivered again
│   ├── ContentionError, MoreToEraseError, LeasedError, CaptionUnavailableError
│   └── LaunchUnavailableError  the launcher catches it, and the sweeper publishes the track's message later
│       └── RegionBusyError     the launcher also creates no other job in the region for a while
├── OrderError                  the step has no valid order: its job fails, which ends the track
└── MalformedEventError         the event or message is not valid: logged, then acknowledged
"""

from typing import Any, ClassVar

from musicgenerator.states import Status


class MusicgeneratorError(Exception):
    """The base class of all errors that this project raises."""


class PermanentError(MusicgeneratorError):
    """Another delivery would fail the same way; the track ends with this error."""

    code: ClassVar[str]
    status: ClassVar[Status] = Status.FAILED
    retryable: ClassVar[bool] = False
    words: ClassVar[dict[str, str]]

    def to_mapping(self, language: str) -> dict[str, Any]:
        """Return the track's ``error`` field, with the message in this language, English if there is none."""
        return {"code": self.code, "message": self.words.get(language, self.words["en"]), "retryable": self.retryable}


class PictureError(PermanentError):
    """The picture cannot be used."""


class PictureGoneError(PictureError):
    """The object was deleted before it was read."""

    code = "picture_gone"
    words = {
        "ko": "사진이 읽히기 전에 삭제되었어요. 사진을 다시 올려 주세요.",
        "en": "The picture was deleted before it could be read. Please upload it again.",
    }


class EmptyPictureError(PictureError):
    """The object has no bytes."""

    code = "empty"
    words = {
        "ko": "파일이 비어 있어요. 사진을 다시 선택해 주세요.",
        "en": "The file is empty. Please choose the picture again.",
    }


class NotAnImageError(PictureError):
    """The bytes are not a picture, although name and content type may say so."""

    code = "not_an_image"
    words = {
        "ko": "이 파일은 사진이 아니에요. JPEG나 PNG 같은 사진 파일을 올려 주세요.",
        "en": "This file is not a picture. Please upload a photo such as a JPEG or PNG.",
    }


class UnsupportedFormatError(PictureError):
    """The picture's format is not accepted."""

    code = "unsupported_format"
    words = {
        "ko": "지원하지 않는 사진 형식이에요. JPEG, PNG, WEBP, GIF, AVIF, HEIC로 저장해서 올려 주세요.",
        "en": "This picture format is not supported. Please save it as JPEG, PNG, WEBP, GIF, AVIF or HEIC.",
    }


class PictureTooLargeError(PictureError):
    """The object has more bytes than are accepted."""

    code = "too_large"
    words = {
        "ko": "파일이 너무 커요. 20MB 이하의 사진을 올려 주세요.",
        "en": "The file is too large. Please upload a picture of at most 20 MB.",
    }


class TooManyPixelsError(PictureError):
    """The picture has more pixels than are decoded, which depends on its format."""

    code = "too_many_pixels"
    words = {
        "ko": "사진의 해상도가 너무 높아요. 6400만 화소 이하로 줄이거나, 2억 화소 이하의 JPEG로 저장해서 올려 주세요.",
        "en": "The picture has too many pixels. Please shrink it to 64 megapixels or save it as a JPEG of at most 200.",
    }


class TooSmallPictureError(PictureError):
    """The picture has too few pixels to recognise anything."""

    code = "too_small"
    words = {
        "ko": "사진의 한쪽이 16픽셀보다 작아서 보이는 것이 없어요. 다른 사진을 골라 주세요.",
        "en": "One side of the picture has fewer than 16 pixels, which show nothing. Please choose another picture.",
    }


class TooComplexPictureError(PictureError):
    """Decoding takes more time or memory than a photo needs."""

    code = "too_complex"
    words = {
        "ko": "사진을 여는 데 시간이나 메모리가 너무 많이 필요해요. 크기를 줄이거나 일반 JPEG로 다시 저장해 주세요.",
        "en": "Opening the picture takes too much time or memory. Please shrink it or save it again as a plain JPEG.",
    }


class TruncatedPictureError(PictureError):
    """The picture's data ends early."""

    code = "truncated"
    words = {
        "ko": "사진 파일의 일부가 빠져 있어요. 원본을 다시 올려 주세요.",
        "en": "A part of the picture file is missing. Please upload the original again.",
    }


class DamagedPictureError(PictureError):
    """The picture's data contradicts its format."""

    code = "damaged"
    words = {
        "ko": "사진 파일이 손상되었어요. 원본이나 다른 사진을 올려 주세요.",
        "en": "The picture file is damaged. Please upload the original or another picture.",
    }


class ContentRejectedError(PermanentError):
    """Moderation or the model declined the picture."""

    code = "content_rejected"
    status = Status.REJECTED
    words = {
        "ko": "이 사진으로는 음악을 만들 수 없어요. 다른 사진으로 해 보세요.",
        "en": "We cannot make music from this picture. Please try another one.",
    }


class CaptionFailedError(PermanentError):
    """The describer's answer cannot be used."""

    code = "caption_failed"
    retryable = True
    words = {
        "ko": "사진을 설명하지 못했어요. 다시 시도하거나 다른 사진을 올려 주세요.",
        "en": "The picture could not be described. Please try again or use another picture.",
    }


class BriefError(PermanentError):
    """A field of a brief or a request is invalid."""

    code = "brief_invalid"
    retryable = True
    words = {
        "ko": "음악에 대한 설명이 올바르지 않아요. 내용을 고쳐서 다시 시도해 주세요.",
        "en": "The description of the music is not valid. Please change it and try again.",
    }

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


class LaunchRefusedError(PermanentError):
    """Vertex AI will never accept this job."""

    code = "launch_refused"
    retryable = True
    words = {
        "ko": "음악 제작을 시작하지 못했어요. 잠시 후 다시 시도해 주세요.",
        "en": "Making the music could not be started. Please try again later.",
    }


class BudgetSpentError(PermanentError):
    """The day's launches are used up."""

    code = "budget_spent"
    retryable = True
    words = {
        "ko": "오늘 만들 수 있는 음악을 모두 만들었어요. 내일 다시 시도해 주세요.",
        "en": "All the music for today has been made. Please try again tomorrow.",
    }


class UploadMissingError(PermanentError):
    """The announced picture was not uploaded in time."""

    code = "upload_missing"
    words = {
        "ko": "사진이 올라오지 않았어요. 다시 올려 주세요.",
        "en": "The picture never arrived. Please upload it again.",
    }


class CaptionAbandonedError(PermanentError):
    """Describing the picture failed too often."""

    code = "caption_abandoned"
    retryable = True
    words = {
        "ko": "여러 번 시도했지만 사진을 설명하지 못했어요. 나중에 다시 시도해 주세요.",
        "en": "Describing the picture has failed too often. Please try again later.",
    }


class TrackCancelledError(PermanentError):
    """The person cancelled the track."""

    code = "cancelled"
    status = Status.CANCELLED
    words = {
        "ko": "요청하신 대로 음악 만들기를 취소했어요. 원하시면 언제든 다시 만들 수 있어요.",
        "en": "Making this music was cancelled, as you asked. You can make it again at any time.",
    }


class MusicError(PermanentError):
    """The pipeline job ended without music."""

    retryable = True


class PipelineFailedError(MusicError):
    """The pipeline job failed."""

    code = "pipeline_failed"
    words = {
        "ko": "음악을 만드는 중에 문제가 생겼어요. 다시 시도해 주세요.",
        "en": "Something went wrong while the music was made. Please try again.",
    }


class PipelineCancelledError(MusicError):
    """The pipeline job was cancelled, but not by a command of the API."""

    code = "pipeline_cancelled"
    words = {
        "ko": "음악 제작이 중단되었어요. 다시 시도해 주세요.",
        "en": "Making the music was stopped. Please try again.",
    }


class MusicMissingError(MusicError):
    """The pipeline job succeeded, but its results are missing or are not music."""

    code = "music_missing"
    words = {
        "ko": "만들어진 음악을 찾을 수 없어요. 다시 시도해 주세요.",
        "en": "The finished music could not be found. Please try again.",
    }


class BlockedError(MusicgeneratorError):
    """Only the operator can fix the cause; the track is parked, and its ``error`` says that it waits."""

    code: ClassVar[str]
    words: ClassVar[dict[str, str]]

    def to_mapping(self, language: str) -> dict[str, Any]:
        """Return the ``error`` field of a parked track, with the message in this language, English if there is none."""
        return {"code": self.code, "message": self.words.get(language, self.words["en"]), "retryable": False}


class DescriberBlockedError(BlockedError):
    """The describer's quota is spent, or its key or model is refused."""

    code = "describer_blocked"
    words = {
        "ko": "지금은 사진을 읽을 수 없어 잠시 기다리고 있어요. 준비되는 대로 이어서 만들어 드릴게요.",
        "en": "Pictures cannot be read right now, so this one waits. We will go on as soon as we can.",
    }


class LaunchBlockedError(BlockedError):
    """Vertex AI refuses this project's requests: a grant, an API or the project's billing is missing."""

    code = "launch_blocked"
    words = {
        "ko": "지금은 음악을 만들 수 없어 잠시 기다리고 있어요. 준비되는 대로 이어서 만들어 드릴게요.",
        "en": "Music cannot be made right now, so this track waits. We will go on as soon as we can.",
    }


class TransientError(MusicgeneratorError):
    """The same event may succeed later; it is delivered again."""


class ContentionError(TransientError):
    """Other writers kept changing the same document or objects."""


class MoreToEraseError(TransientError):
    """A deletion ran out of time; the same request again continues it."""


class LeasedError(TransientError):
    """Another invocation holds the track's lease."""


class CaptionUnavailableError(TransientError):
    """The describer is overloaded or cannot be reached."""


class LaunchUnavailableError(TransientError):
    """Vertex AI fails or cannot be reached."""


class RegionBusyError(LaunchUnavailableError):
    """A region of Vertex AI has no capacity for another job."""


class MalformedEventError(MusicgeneratorError):
    """An event or message does not have the form that its producers write."""


class OrderError(MusicgeneratorError):
    """An order is missing, or a field of it is out of bounds; the message names the field, but not its value."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem
