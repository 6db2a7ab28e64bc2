"""What a mark says about a file, in words that no language owns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from musicgenerator.briefs import COMPOSER
from musicgenerator.orders import Order

# Who makes the claim; the version counts changes of what a mark says.
PRODUCT: Final = {"name": "musicgenerator", "version": "1"}
_IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# The engines that look at the picture; the others only read its description.
_LOOKING: Final = frozenset({"lyria-3-clip", "lyria-3-pro"})


@dataclass(frozen=True)
class Facts:
    """How a piece of music was made.

    ``prompt_version`` is the version of the prompt that described the picture, empty if it is not known.
    ``edited_by_person`` means that a person changed the description, not the sound. ``kept_except`` has, oldest first,
    the parts and sections that a person let the composer make again while it kept the rest of the music.
    """

    title: str
    engine: str
    model: str
    seed: int
    prompt_version: str = ""
    edited_by_person: bool = False
    kept_except: tuple[str, ...] = ()

    @classmethod
    def of_track(cls, track: Mapping[str, Any]) -> Self:
        """Return the facts in a ``track.json``; raise KeyError, TypeError or ValueError if one is missing."""
        provenance = track["provenance"]
        return cls(
            title=str(track["title"]),
            engine=str(provenance["engine"]),
            model=str(provenance["model"]),
            seed=int(provenance["seed"]),
            prompt_version=str(provenance.get("promptVersion", "")),
            edited_by_person=provenance.get("editedByPerson") is True,
            kept_except=tuple(str(each) for each in provenance.get("keptExcept", ())),
        )

    @classmethod
    def of_order(cls, order: Order, engine: str, model: str, seed: int) -> Self:
        """Return the facts of music that an engine made for an order."""
        brief = order.brief
        return cls(brief.title, engine, model, seed, order.prompt_version, brief.edited_by_person, order.kept_except)

    @property
    def music_type(self) -> str:
        """IPTC's term for the music.

        Every engine but the composer is a model trained on music. The composer is an algorithm: rules that people wrote
        choose its notes, so IPTC's term is ``algorithmicMedia``, which excludes trained models. It still composes from
        a description that a trained model wrote, which ``origin`` says.
        """
        return _IPTC + ("algorithmicMedia" if self.engine == COMPOSER else "trainedAlgorithmicMedia")

    @property
    def video_type(self) -> str:
        """IPTC's term for a video of the music and a person's picture."""
        made = "compositeSynthetic" if self.engine == COMPOSER else "compositeWithTrainedAlgorithmicMedia"
        return _IPTC + made

    def origin(self) -> dict[str, Any]:
        """Return the assertion ``musicgenerator.origin``."""
        prompt = {"promptVersion": self.prompt_version} if self.prompt_version else {}
        kept = {"keptExcept": list(self.kept_except)} if self.kept_except else {}
        return {
            "version": 1,
            "aiGenerated": True,
            "engine": self.engine,
            "model": self.model,
            "seed": self.seed,
            "picture": {"describedBy": "aiModel", "seenByEngine": self.engine in _LOOKING, **prompt},
            "descriptionEditedByPerson": self.edited_by_person,
            **kept,
        }
