"""The clients and adapters that every function needs, each built at its first use."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import google.auth
from google.auth.transport.requests import AuthorizedSession
from google.cloud import firestore, storage

from musicgenerator.patience import Patience
from musicgenerator.settings import required
from musicgenerator_google.firestore_switch import FirestoreSwitch
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.storage_objects import StorageObjects


@dataclass(frozen=True)
class Adapters:
    """Adapters that share one client of each API; raise SettingMissingError if a variable that they need is not set."""

    environ: Mapping[str, str]

    @cached_property
    def project(self) -> str:
        return required(self.environ, "GOOGLE_CLOUD_PROJECT")

    @cached_property
    def database(self) -> firestore.Client:
        return firestore.Client(project=self.project, database=self.environ.get("FIRESTORE_DATABASE"))

    @cached_property
    def buckets(self) -> storage.Client:
        return storage.Client(project=self.project)

    @cached_property
    def tracks(self) -> FirestoreTracks:
        return FirestoreTracks(self.database, Patience.from_environ(self.environ))

    @cached_property
    def switch(self) -> FirestoreSwitch:
        return FirestoreSwitch(self.database)

    @cached_property
    def objects(self) -> StorageObjects:
        return StorageObjects(self.buckets)

    def rest_session(self) -> AuthorizedSession:
        """Return a new session that authorises REST requests as this function's account."""
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        return AuthorizedSession(credentials)
