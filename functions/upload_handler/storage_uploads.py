"""V4 signed uploads: each URL creates one object of one content type and a bounded size, once."""

from datetime import timedelta
from typing import Final, Self

from google.auth.credentials import Signing
from google.cloud import storage
from iam_signer import IamSigner
from ports import Permit

from musicgenerator.settings import required
from musicgenerator_google.adapters import Adapters

_VALID: Final = timedelta(minutes=10)


class StorageUploads:
    """Signs uploads to a bucket that browsers reach at ``url``."""

    def __init__(self, bucket: storage.Bucket, signer: Signing, url: str) -> None:
        self._bucket = bucket
        self._signer = signer
        self._url = url

    @classmethod
    def from_environ(cls, google: Adapters) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        environ = google.environ
        url, account = required(environ, "IAM_CREDENTIALS_URL"), required(environ, "UPLOAD_SIGNER")
        bucket = google.buckets.bucket(required(environ, "IMAGES_BUCKET"))
        return cls(bucket, IamSigner(google.rest_session(), url, account), required(environ, "STORAGE_URL"))

    def permit(self, name: str, content_type: str, max_bytes: int) -> Permit:
        """Return the permission to create this one object, valid for ten minutes.

        The range is of the bytes as they are sent. The content encoding is not signed, because every client would have
        to send ``identity``, which Cloud Storage does not document; the captioner does not believe it.
        """
        headers = {
            "x-goog-content-length-range": f"1,{max_bytes}",
            "x-goog-if-generation-match": "0",
        }
        url = self._bucket.blob(name).generate_signed_url(
            version="v4",
            method="PUT",
            expiration=_VALID,
            content_type=content_type,
            headers=dict(headers),
            credentials=self._signer,
            api_access_endpoint=self._url,
        )
        return Permit("PUT", url, headers | {"Content-Type": content_type})
