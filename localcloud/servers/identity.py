"""Local versions of Google's identity services: ``python -m localcloud.servers.identity``.

The IAM Credentials API signs, and verifiers fetch the certificates as from Google.
Secret Manager has one secret: the certificate and key that mark the music.
The credentials file holds a user's credentials with a token that does not expire. With those of a service account
google-auth would ask Google where the account may be used, even with another ``token_uri``.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from flask import Flask, Response, jsonify, request

from localcloud.addresses import LOCAL_SIGNER, PIPELINE_ACCOUNT, UPLOAD_SIGNER, Addresses
from localcloud.servers.google_errors import GoogleError, answer_like_google, require_bearer
from localcloud.servers.mark_certificates import signer_of
from localcloud.servers.serving import HEALTH_PATH, serve

ACCOUNTS: Final = (UPLOAD_SIGNER, PIPELINE_ACCOUNT)
_PRIVATE_MODE: Final = 0o600


@dataclass(frozen=True)
class AccountKey:
    """A service account's key pair; ``certificate`` is PEM, ``id`` is the key's id in a signature's header."""

    email: str
    id: str
    private: rsa.RSAPrivateKey
    certificate: str

    @classmethod
    def of(cls, email: str, folder: Path) -> Self:
        """Read an account's key, or create it; a stored key keeps signatures valid after a restart."""
        file = folder / f"{email}.pem"
        if not file.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(file, _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
        private = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError(f"{file} holds no RSA key")
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        # A key's id has 40 hexadecimal digits, as Google's have.
        key_id = hashlib.sha1(public, usedforsecurity=False).hexdigest()
        return cls(email, key_id, private, _certificate(email, private))

    def sign(self, payload: bytes) -> bytes:
        """Return the RSA-SHA256 signature (PKCS #1 v1.5) that signBlob returns."""
        return self.private.sign(payload, padding.PKCS1v15(), hashes.SHA256())


def prepare(addresses: Addresses) -> dict[str, AccountKey]:
    """Create missing keys, write the credentials file, and return the keys by email."""
    keys = {email: AccountKey.of(email, addresses.home / "identity") for email in ACCOUNTS}
    _write_private(addresses.credentials_file, json.dumps(_credentials(), indent=2).encode())
    return keys


def secrets_of(addresses: Addresses) -> dict[str, str]:
    """Return the secrets by version, made at the first call."""
    return {LOCAL_SIGNER: signer_of(addresses.marks_folder)}


def app(keys: dict[str, AccountKey], kept: Mapping[str, str]) -> Flask:
    """Return the WSGI app with these accounts and secrets."""
    api = Flask(__name__)
    answer_like_google(api)

    @api.get(HEALTH_PATH)
    def _health() -> str:
        return "ok"

    @api.post("/v1/projects/<project>/serviceAccounts/<email>:signBlob")
    def _sign_blob(project: str, email: str) -> Response:
        del project  # clients send "-": the account's own project
        require_bearer()
        key = _key(keys, email)
        body: Any = request.get_json(silent=True)
        try:
            payload = base64.b64decode(body["payload"], validate=True)
        except (TypeError, KeyError, ValueError) as error:
            raise GoogleError("INVALID_ARGUMENT", f"payload must be base64: {error!r}") from error
        return jsonify({"keyId": key.id, "signedBlob": base64.b64encode(key.sign(payload)).decode()})

    @api.get("/service_accounts/v1/metadata/x509/<email>")
    def _certificates(email: str) -> dict[str, str]:
        key = _key(keys, email)
        return {key.id: key.certificate}

    @api.get("/v1/<path:version>:access")
    def _access(version: str) -> Response:
        require_bearer()
        if version not in kept:
            raise GoogleError("NOT_FOUND", f"Secret Version [{version}] not found.")
        return jsonify({"name": version, "payload": {"data": base64.b64encode(kept[version].encode()).decode()}})

    return api


def main() -> None:
    """Serve until SIGTERM."""
    addresses = Addresses.from_environ()
    serve(app(prepare(addresses), secrets_of(addresses)), addresses.ports["identity"])


def _credentials() -> dict[str, str]:
    # The format that `gcloud auth application-default login` writes; no local server checks the token.
    return {
        "type": "authorized_user",
        "client_id": "localcloud",
        "client_secret": "none",
        "refresh_token": "none",
        "token": f"ya29.local-{secrets.token_urlsafe(32)}",
        "expiry": "2099-01-01T00:00:00Z",
    }


def _key(keys: dict[str, AccountKey], email: str) -> AccountKey:
    if email not in keys:
        raise GoogleError("NOT_FOUND", f"Unknown service account: {email}.")
    return keys[email]


def _pem(private: rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(email: str, private: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, email.partition("@")[0][:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _write_private(file: Path, content: bytes) -> None:
    # Rename a complete private file into place: a client may read it at any moment.
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(_PRIVATE_MODE)
    draft.write_bytes(content)
    draft.replace(file)


if __name__ == "__main__":
    main()
