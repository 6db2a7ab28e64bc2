import base64
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
import soundfile

from localcloud.vertex.models import Models
from musicgenerator.briefs import Brief
from tests.support.local_vertex import LocalVertex, hum, serving


@pytest.fixture(scope="session")
def vertex() -> Iterator[LocalVertex]:
    """The local Vertex AI server; its models hum for one second."""
    with serving(Models(hum, seconds=1.0)) as server:
        yield server


@pytest.fixture
def sea() -> Brief:
    return Brief.from_mapping(
        {
            "title": "바다의 아침",
            "caption": "푸른 바다 위로 해가 뜬다",
            "altText": "해가 뜨는 바다",
            "language": "ko",
            "prompt": "Calm sea at dawn.",
            "avoid": "drums, vocals",
            "moods": ["calm", "warm"],
            "genre": "ambient",
            "instruments": ["piano", "harp"],
            "tempoBpm": 84,
            "key": "D major",
            "valence": 0.4,
            "energy": 0.3,
        }
    )


@pytest.fixture(scope="session")
def tone() -> str:
    """One second of a mono tone at 32 kHz in base64 FLAC, as a model server answers."""
    samples = 0.3 * np.sin(2 * np.pi * 330 * np.arange(32_000) / 32_000)
    out = BytesIO()
    soundfile.write(out, samples, 32_000, format="FLAC")
    return base64.b64encode(out.getvalue()).decode()
