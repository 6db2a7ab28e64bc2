from pathlib import Path

import pytest
from google.cloud.storage import Client

from pipeline.model_server.artifacts import ArtifactsError, local_folder
from tests.localcloud.conftest import RESULTS_BUCKET


@pytest.mark.cloud
@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_models_files_are_copied_from_their_bucket(tmp_path: Path, slash: str) -> None:
    """All files below the prefix are copied, with folders, and no others."""
    for name in ("model/config.json", "model/onnx/weights", "model/", "model-2/config.json"):
        Client().bucket(RESULTS_BUCKET).blob(name).upload_from_string(name)
    folder = local_folder(f"gs://{RESULTS_BUCKET}/model{slash}", tmp_path)
    files = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert files == {"config.json": "model/config.json", "onnx/weights": "model/onnx/weights"}


@pytest.mark.cloud
@pytest.mark.usefixtures("storage")
def test_a_prefix_without_files_is_no_model(tmp_path: Path) -> None:
    """The error names the setting."""
    with pytest.raises(ArtifactsError, match="AIP_STORAGE_URI"):
        local_folder(f"gs://{RESULTS_BUCKET}/nothing", tmp_path)


def test_a_folder_is_used_as_it_is(tmp_path: Path) -> None:
    """A local model is not copied; a missing folder is an error."""
    assert local_folder(str(tmp_path), tmp_path / "room") == tmp_path
    for nothing in ("", str(tmp_path / "nothing")):
        with pytest.raises(ArtifactsError, match="AIP_STORAGE_URI"):
            local_folder(nothing, tmp_path)
