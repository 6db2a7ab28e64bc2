"""A sketch is made by the staged sketcher before the music, and an erasure takes it away."""

import urllib.error
from pathlib import Path

import pytest

from localcloud.addresses import Addresses
from operations.following import sightings
from tests.cloud.api_visitors import visitor
from tests.cloud.clients import fetch, token_of, traces

pytestmark = pytest.mark.cloud


@pytest.mark.parametrize("erased", ["track", "session"])
def test_a_long_piece_has_a_sketch_before_its_music_and_an_erasure_removes_it(
    erased: str, local_cloud: Addresses, photos: dict[str, Path]
) -> None:
    """The sketch is the first minute, with the seed of the music. Its object goes with the track or its session."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["chelsea"].read_bytes(), durationSeconds=180)
    for sighting in sightings(someone.session, [track]):
        sketch = sighting.document["sketch"]
        if sketch:
            break
    assert not sighting.status.is_final
    assert (sketch["durationSeconds"], len(sketch["peaks"])) == (60, 200)
    token = token_of(track)
    assert sketch["url"].endswith(f"/{token}/sketch.mp3")
    assert len(fetch(sketch["url"])) > 500_000
    assert someone.send("DELETE", f"/tracks/{track}" if erased == "track" else "")[0] == 204
    # Anyone may read but not list, so a missing object is forbidden.
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(sketch["url"])
    assert traces({token}) == []
