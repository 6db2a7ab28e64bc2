"""The operator's certificate and key: what a deployment accepts, keeps and shows."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from infra.engine import Mode
from infra.installation import Installation
from infra.marks import given, listed
from infra.steps.secret_versions import secrets, signer_version
from infra.stops import StoppedError
from musicgenerator_google.mark_signer import PemSigner
from tests.support.marks import pem_of
from tests.unit.infra_fakes import FakeGcloud, FakeGoogle

SECRET = "musicgenerator-c2pa"
LIST = f"secrets versions list {SECRET} --filter=state=ENABLED --sort-by=~createTime"
KEY = ec.generate_private_key(ec.SECP256R1())


def files(folder: Path, pem: str) -> dict[str, str]:
    """Write a certificate and a key, and return the variables that name them."""
    at = pem.index("-----BEGIN PRIVATE")
    for name, text in (("certificate.pem", pem[:at]), ("key.pem", pem[at:])):
        (folder / name).write_text(text)
    return {"C2PA_CERTIFICATE": str(folder / "certificate.pem"), "C2PA_KEY": str(folder / "key.pem")}


def installed(
    work: Path, variables: Mapping[str, str] | None = None, versions: int = 0
) -> tuple[Installation, FakeGcloud]:
    gcloud = FakeGcloud(
        {
            "projects list --filter=projectId=a-project": [{"projectId": "a-project", "projectNumber": "7"}],
            "services list --enabled": [{"name": "secretmanager.googleapis.com"}],
            "secrets list": [{"name": f"projects/7/secrets/{SECRET}", "labels": {"expires": "2099-01-02"}}],
            LIST: [{"name": f"projects/7/secrets/{SECRET}/versions/{number + 1}"} for number in range(versions)],
        }
    )
    environ = {"PROJECT": "a-project", "DEPLOY_WORK": str(work / "deploy"), **(variables or {})}
    return Installation(environ, gcloud, FakeGoogle(gcloud)), gcloud


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
)
def test_a_pair_becomes_a_version_that_the_functions_can_use(tmp_path: Path, key: object) -> None:
    """Both are one text, given to gcloud by standard input; the labels have the hash and the last day."""
    at, gcloud = installed(tmp_path, files(tmp_path, pem_of(key)))
    own = (item for item in secrets(at) if getattr(item, "name", "") == SECRET)
    at.engine.converge({"06-secrets": lambda: own}, Mode.APPLY)
    added = gcloud.calls.index(f"secrets versions add {SECRET} --data-file=- --format=none")
    assert PemSigner.from_pem(gcloud.inputs[added]).sign(b"") != b""
    labels = next(call for call in gcloud.calls if "--update-labels=certificate=" in call)
    assert gcloud.calls.index(labels) > added
    assert not any("PRIVATE" in call for call in gcloud.calls)


def test_a_plan_says_whether_music_is_signed(tmp_path: Path) -> None:
    """Without files and version it is not; with a version it names the last day, and functions get the version."""
    without, _ = installed(tmp_path)
    assert "none: music and videos are not signed" in listed(without)
    assert signer_version(without) == ""
    signed, _ = installed(tmp_path, versions=3)
    assert "valid until 2099-01-02" in listed(signed)
    assert signer_version(signed) == f"projects/a-project/secrets/{SECRET}/versions/3"
    assert given(signed) is None


@pytest.mark.parametrize("parts", [("certificate", "key"), ("key", "certificate"), ("parameters", "key")])
def test_only_the_key_of_a_key_file_is_given_to_the_functions(tmp_path: Path, parts: tuple[str, ...]) -> None:
    """A file may hold certificates or parameters too, in any order."""
    named = files(tmp_path, pem_of(KEY))
    texts = {"certificate": Path(named["C2PA_CERTIFICATE"]).read_text(), "key": Path(named["C2PA_KEY"]).read_text()}
    texts["parameters"] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    Path(named["C2PA_KEY"]).write_text("".join(texts[part] for part in parts))
    signing = given(installed(tmp_path, named)[0])
    assert signing is not None
    assert PemSigner.from_pem(signing.text).sign(b"") != b""


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.SECP256K1()])
def test_curves_that_the_functions_refuse_are_refused_before_anything_changes(
    tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    """C2PA does not allow them."""
    with pytest.raises(StoppedError, match="P-256, P-384, P-521 or Ed25519"):
        given(installed(tmp_path, files(tmp_path, pem_of(ec.generate_private_key(curve))))[0])


def test_what_cannot_sign_is_refused_before_anything_changes(tmp_path: Path) -> None:
    """RSA, a key of another certificate, one file alone, and an expired certificate."""
    other = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    with pytest.raises(StoppedError, match="RSA"):
        given(installed(tmp_path, files(tmp_path, other))[0])
    with pytest.raises(StoppedError, match="must have certificates"):
        given(installed(tmp_path, files(tmp_path, pem_of(KEY, of=ec.generate_private_key(ec.SECP256R1()))))[0])
    with pytest.raises(StoppedError, match="give both"):
        given(installed(tmp_path, {"C2PA_KEY": "key.pem"})[0])
    with pytest.raises(StoppedError, match="expired on"):
        given(installed(tmp_path, files(tmp_path, pem_of(KEY, days=-1)))[0])
