"""The only door for commands: the composition root, and the only reader of the environment."""

import functools
import os
from datetime import timedelta

import flask
import functions_framework
import google.auth
from firestore_sessions import FirestoreSessions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import firestore, storage
from http_api import HttpApi
from iam_signer import IamSigner
from storage_uploads import StorageUploads
from uploading import Uploads

from musicgenerator.settings import required, whole_number, words
from musicgenerator_google.firestore_tracks import FirestoreTracks


@functions_framework.http
def handle_request(request: flask.Request) -> flask.Response:
    """Answer one HTTP request; what goes wrong is answered as a problem document."""
    return bootstrap().answer(request)


@functools.cache
def bootstrap() -> HttpApi:
    """Build the clients, once an instance and after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    signer = IamSigner(
        AuthorizedSession(credentials), required(env, "IAM_CREDENTIALS_URL"), required(env, "UPLOAD_SIGNER")
    )
    bucket = storage.Client(project=project, credentials=AnonymousCredentials()).bucket(required(env, "IMAGES_BUCKET"))
    database = firestore.Client(project=project)
    uploads = Uploads(
        sessions=FirestoreSessions(database),
        tracks=FirestoreTracks(database),
        permits=StorageUploads(bucket, signer, required(env, "STORAGE_URL")),
        sessions_live=timedelta(days=whole_number(env, "SESSION_DAYS", 30)),
    )
    return HttpApi(uploads, origins=words(env, "ALLOWED_ORIGINS"))
