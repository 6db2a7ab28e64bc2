import base64
import hashlib
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from iam_signer import IamSigner
from storage_uploads import StorageUploads

from tests.contracts.recorded import TRACK, recorded
from tests.support.scripted_http import Answer, ScriptedServer

EMAIL = "upload-signer@musicgenerator-prod.iam.gserviceaccount.com"
SIGN = f"/v1/projects/-/serviceAccounts/{EMAIL}:signBlob"


@pytest.fixture
def signer(server: ScriptedServer) -> IamSigner:
    """Return the adapter with Google's real session and a server that returns the same signature for everything."""
    server.script(f"POST {SIGN}", Answer({"keyId": "k1", "signedBlob": base64.b64encode(b"signature").decode()}))
    return IamSigner(AuthorizedSession(AnonymousCredentials()), server.url, EMAIL)


def test_a_message_is_signed_by_iam(server: ScriptedServer, signer: IamSigner) -> None:
    """The adapter sends the message as base64 and returns its signature; it holds no key."""
    assert signer.sign_bytes(b"message") == b"signature"
    assert server.heard[0].json() == {"payload": base64.b64encode(b"message").decode()}
    assert signer.signer_email == EMAIL
    assert signer.signer is signer
    assert isinstance(signer, Signing)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_refused_signature_is_an_error(server: ScriptedServer, signer: IamSigner, status: int) -> None:
    """Nobody gets a URL that does not work."""
    server.script(f"POST {SIGN}", Answer({"error": {"code": status, "message": "no"}}, status))
    with pytest.raises(TransportError, match=str(status)):
        signer.sign_bytes(b"message")


def test_a_permit_is_as_recorded(signer: IamSigner) -> None:
    """The URL creates one object of one content type and a bounded size in ten minutes; each condition is signed."""
    expected = recorded("http_track_announced")["response"]["body"]["upload"]
    bucket = storage.Client(project="test", credentials=AnonymousCredentials()).bucket("musicgenerator-images")
    uploads = StorageUploads(bucket, signer, "https://storage.googleapis.com")
    permit = uploads.permit(f"uploads/{TRACK}", "image/jpeg", 20_000_000)
    assert (permit.method, permit.headers) == (expected["method"], expected["headers"])
    wanted, made = urlsplit(expected["url"]), urlsplit(permit.url)
    assert made[:3] == wanted[:3]
    query = {name: values[0] for name, values in parse_qs(made.query).items()}
    assert query["X-Goog-Algorithm"] == "GOOG4-RSA-SHA256"
    assert query["X-Goog-Expires"] == "600"
    assert query["X-Goog-Signature"] == b"signature".hex()
    assert query["X-Goog-Credential"].startswith(EMAIL)
    assert set(query["X-Goog-SignedHeaders"].split(";")) == {name.lower() for name in permit.headers} | {"host"}
    assert query["X-Goog-Date"][:4] == datetime.now(UTC).strftime("%Y")


def test_what_is_signed_is_the_request_that_is_allowed(server: ScriptedServer, signer: IamSigner) -> None:
    """The string to sign ends with the hash of the canonical request, as V4 signing requires."""
    bucket = storage.Client(project="test", credentials=AnonymousCredentials()).bucket("musicgenerator-images")
    permit = StorageUploads(bucket, signer, "http://127.0.0.1:9000").permit("uploads/t", "image/png", 5)
    made = urlsplit(permit.url)
    query = made.query.rsplit("&X-Goog-Signature", 1)[0]
    headers = {"content-type": "image/png", "host": "127.0.0.1:9000"} | {
        name.lower(): value for name, value in permit.headers.items() if name != "Content-Type"
    }
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(["PUT", made.path, query, lines, ";".join(sorted(headers)), "UNSIGNED-PAYLOAD"])
    signed = base64.b64decode(server.heard[0].json()["payload"]).decode()
    assert signed.endswith(hashlib.sha256(request.encode()).hexdigest())
