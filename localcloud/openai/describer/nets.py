"""The two neural nets, EfficientNet-Lite0 (ImageNet-1k) and COCO-SSD, run by onnxruntime on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]

_ASSETS: Final = Path(__file__).with_name("assets")
_CLASSIFIER_SIDE: Final = 224
_DETECTOR_SIDE: Final = 300
_DETECTED_FROM: Final = 0.3
_SAME_THING: Final = 0.5


@dataclass(frozen=True)
class Detection:
    """A detected object; ``box`` is top, left, bottom, right, each 0 to 1."""

    coco_class: int
    score: float
    box: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        """The share of the picture that the box covers, 0 to 1."""
        top, left, bottom, right = self.box
        return (bottom - top) * (right - left)


class Nets:
    """Both nets; threads may share them, because a session keeps no state between runs."""

    def __init__(self, threads: int = 1) -> None:
        """Load the weights (about 0.2 s); each run uses ``threads`` threads."""
        # The import starts native threads. A worker that is forked afterwards lacks them and aborts at its exit,
        # so only the process that uses the nets imports onnxruntime.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._classifier, self._detector = (
            onnxruntime.InferenceSession(_ASSETS / name, options, providers=["CPUExecutionProvider"])
            for name in ("efficientnet_lite0_f16.onnx", "cocossd_f16.onnx")
        )
        self._anchors: Floats = np.load(_ASSETS / "cocossd_anchors.npy")

    def classify(self, picture: Image.Image) -> Floats:
        """Return the 1,000 ImageNet probabilities of an RGB picture, averaged over four crops and their mirrors."""
        crops = np.stack([np.asarray(crop, np.float32) for crop in _crops(picture)])
        batch = (np.concatenate([crops, crops[:, :, ::-1]]) - 127) / 128
        (probabilities,) = self._classifier.run(["probs"], {"input": batch.transpose(0, 3, 1, 2)})
        return np.asarray(probabilities.mean(axis=0), np.float32)

    def detect(self, picture: Image.Image) -> list[Detection]:
        """Return the objects in an RGB picture, the most certain first, without duplicates."""
        resized = picture.resize((_DETECTOR_SIDE, _DETECTOR_SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(resized, np.float32)[None] / 127.5 - 1
        offsets, logits = self._detector.run(None, {"in_0": pixels})
        scores = 1 / (1 + np.exp(-logits.reshape(-1, 91)[:, 1:]))
        best = scores.max(axis=1)
        order = [int(i) for i in np.argsort(-best, kind="stable") if best[i] > _DETECTED_FROM]
        boxes = _decoded(offsets.reshape(-1, 4), self._anchors)
        found: list[Detection] = []
        for i in order:
            top, left, bottom, right = (float(edge) for edge in boxes[i])
            candidate = Detection(int(scores[i].argmax()) + 1, float(best[i]), (top, left, bottom, right))
            if all(overlap(candidate, other) < _SAME_THING for other in found):
                found.append(candidate)
        return found


def overlap(one: Detection, other: Detection) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    height = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    width = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    shared = max(height, 0) * max(width, 0)
    return shared / (one.area + other.area - shared + 1e-9)


def _crops(picture: Image.Image) -> Sequence[Image.Image]:
    """Return square crops of 224 pixels: a close and a full one of the middle, and both ends of the longer side.

    Squeezing the whole picture into a square makes a rocket look like a drilling rig.
    """
    side = min(picture.size)
    views = []
    for length, place in ((side * 0.875, 0.5), (side, 0.5), (side, 0.0), (side, 1.0)):
        left, top = (picture.width - length) * place, (picture.height - length) * place
        box = (left, top, left + length, top + length)
        views.append(picture.resize((_CLASSIFIER_SIDE,) * 2, Image.Resampling.BILINEAR, box=box))
    return views


def _decoded(offsets: Floats, anchors: Floats) -> Floats:
    """Apply the SSD's offsets to its anchors (top, left, bottom, right), with its variances 0.1 and 0.2."""
    sizes = anchors[:, 2:] - anchors[:, :2]
    centres = anchors[:, :2] + sizes / 2 + offsets[:, :2] * 0.1 * sizes
    halves = np.exp(offsets[:, 2:] * 0.2) * sizes / 2
    return np.asarray(np.clip(np.concatenate([centres - halves, centres + halves], axis=1), 0, 1), np.float32)
