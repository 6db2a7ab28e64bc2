import base64
import stat
import threading
from collections.abc import Iterator

import google.auth
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

from localcloud.addresses import LOCAL_SIGNER, UPLOAD_SIGNER, Addresses
from localcloud.servers.identity import app, prepare, secrets_of
from localcloud.servers.serving import listen
from musicgenerator.marks.signers import SigningKeyError
from musicgenerator_google.mark_secrets import signer_in
from tests.support.ports import free_port

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    addresses = Addresses(free_port() - Addresses(0).ports["identity"], tmp_path_factory.mktemp("home"))
    keys = prepare(addresses)
    server = listen(app(keys, secrets_of(addresses)), addresses.ports["identity"])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield addresses
    server.shutdown()
    thread.join()


@pytest.fixture
def credentials(addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(addresses.credentials_file))
    found, _ = google.auth.default(scopes=SCOPES)
    return found


def certificate(addresses: Addresses, email: str, key_id: str) -> rsa.RSAPublicKey:
    url = f"{addresses.url('identity')}/service_accounts/v1/metadata/x509/{email}"
    pem = requests.get(url, timeout=10).json()[key_id]
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return public


def test_default_credentials_have_a_token_without_a_request(credentials: Credentials) -> None:
    """The credentials file alone authorizes a request; no server is asked."""
    asked: list[str] = []

    def request(url: str, **_: object) -> None:
        asked.append(url)

    headers: dict[str, str] = {}
    threads = threading.active_count()
    credentials.before_request(request, "GET", "https://storage.googleapis.com/", headers)
    assert headers["authorization"].startswith("Bearer ya29.local-")
    assert (asked, threading.active_count()) == ([], threads)


def test_the_credentials_file_is_for_its_owner_only(addresses: Addresses) -> None:
    """Only its owner can read the file."""
    assert stat.S_IMODE(addresses.credentials_file.stat().st_mode) == 0o600


def test_sign_blob_signs_as_the_account_that_is_named(addresses: Addresses, credentials: Credentials) -> None:
    """The signature is RSA-SHA256, and the account's certificate verifies it."""
    url = f"{addresses.url('identity')}/v1/projects/-/serviceAccounts/{UPLOAD_SIGNER}:signBlob"
    payload = base64.b64encode(b"GOOG4-RSA-SHA256").decode()
    with AuthorizedSession(credentials) as session:
        answer = session.post(url, json={"payload": payload}).json()
    signature = base64.b64decode(answer["signedBlob"])
    public = certificate(addresses, UPLOAD_SIGNER, answer["keyId"])
    public.verify(signature, b"GOOG4-RSA-SHA256", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("email", "headers", "body", "status"),
    [
        (UPLOAD_SIGNER, {}, {"payload": "YQ=="}, "UNAUTHENTICATED"),
        (UPLOAD_SIGNER, {"Authorization": "Bearer t"}, {"payload": "not base64!"}, "INVALID_ARGUMENT"),
        (UPLOAD_SIGNER, {"Authorization": "Bearer t"}, {}, "INVALID_ARGUMENT"),
        ("nobody@example.com", {"Authorization": "Bearer t"}, {"payload": "YQ=="}, "NOT_FOUND"),
    ],
)
def test_sign_blob_refuses_as_the_api_does(
    addresses: Addresses, email: str, headers: dict[str, str], body: dict[str, str], status: str
) -> None:
    """A missing token, a bad payload and an unknown account give errors in Google's format."""
    url = f"{addresses.url('identity')}/v1/projects/-/serviceAccounts/{email}:signBlob"
    answer = requests.post(url, json=body, headers=headers, timeout=10)
    error = answer.json()["error"]
    assert (error["status"], error["code"]) == (status, answer.status_code)


def test_keys_outlive_a_restart(addresses: Addresses) -> None:
    """Signatures stay valid when the server restarts."""
    before, after = prepare(addresses), prepare(addresses)
    assert {email: key.id for email, key in after.items()} == {email: key.id for email, key in before.items()}


def test_the_secret_of_the_marks_is_certificate_and_key(credentials: Credentials, addresses: Addresses) -> None:
    """The adapter of the step and of the API reads it by its pinned version; no other version exists."""
    assert credentials.token
    signer = signer_in(LOCAL_SIGNER, addresses.url("identity"))
    assert len(signer.chain) == 1  # C2PA leaves the root out
    assert signer.sign(b"data") == signer.sign(b"data")
    with pytest.raises(SigningKeyError, match="404"):
        signer_in(LOCAL_SIGNER.replace("versions/1", "versions/2"), addresses.url("identity"))
