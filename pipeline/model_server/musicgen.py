"""MusicGen by transformers, from a folder written by ``save_pretrained``, on a GPU if there is one.

It downloads nothing, and reads weights only as safetensors, which cannot run code.
https://huggingface.co/docs/transformers/model_doc/musicgen
"""

from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, MusicgenForConditionalGeneration

LONGEST_SECONDS: Final = 30.0  # the length it was trained on; longer music loses its structure
GUIDANCE_SCALE: Final = 3.0


class MusicGen:
    """A loaded model; call it from one thread at a time, since its random generator is global."""

    longest_seconds = LONGEST_SECONDS

    def __init__(self, folder: Path, name: str) -> None:
        """Load the model, in half precision on a GPU; raise OSError or ValueError if the folder has no model."""
        self.name = name
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = MusicgenForConditionalGeneration.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float16 if self._device == "cuda" else torch.float32,
        )
        self._model = model.to(self._device).eval()
        self._rate = int(model.config.audio_encoder.sampling_rate)
        self._tokens_a_second = float(model.config.audio_encoder.frame_rate)
        # Each codebook starts one token after the one before; the audio starts with the last.
        self._delay = int(model.config.decoder.num_codebooks) - 1

    def make(self, prompt: str, seconds: float, seed: int) -> bytes:
        """Return a FLAC file at the model's own rate; the same arguments give the same music on the same machine."""
        torch.manual_seed(seed)
        inputs = self._tokenizer([prompt], padding=True, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            sound = self._model.generate(
                **inputs,
                do_sample=True,
                guidance_scale=GUIDANCE_SCALE,
                max_new_tokens=round(seconds * self._tokens_a_second) + self._delay,
            )
        samples = sound[0].float().cpu().numpy().T  # (channels, frames) → (frames, channels)
        return _flac(samples, self._rate)


def _flac(samples: NDArray[np.float32], rate: int) -> bytes:
    out = BytesIO()
    # 16 bits exceed the codec's resolution, and keep the answer below Vertex AI's limit.
    soundfile.write(out, np.clip(samples, -1, 1), rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()
