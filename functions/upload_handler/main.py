"""The HTTP API for commands: composition root and only reader of the environment."""

import gc

# Imports create no garbage, and collecting during them takes a tenth of the cold start.
gc.disable()

import functools
import os
from datetime import timedelta

import commanding
import erasing
import flask
import functions_framework
import google.auth
from admitting import Admission, Limits
from firestore_ledger import FirestoreLedger
from firestore_sessions import FirestoreSessions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import firestore, storage
from http_api import HttpApi
from iam_signer import IamSigner
from sessions import SessionOpener
from storage_uploads import StorageUploads
from uploading import Uploads

from musicgenerator.patience import Patience
from musicgenerator.settings import required, whole_number, words
from musicgenerator_google.firestore_switch import FirestoreSwitch
from musicgenerator_google.firestore_tracks import FirestoreTracks
from musicgenerator_google.pubsub_topics import CaptionsTopic, PicturesTopic
from musicgenerator_google.storage_objects import StorageObjects
from musicgenerator_google.vertex_pipelines import VertexPipelines

gc.freeze()
gc.enable()


@functions_framework.http
def handle_request(request: flask.Request) -> flask.Response:
    """Answer one HTTP request; errors become problem documents."""
    return bootstrap().answer(request)


@functools.cache
def bootstrap() -> HttpApi:
    """Build the clients once per instance, after the server has forked."""
    env, project = os.environ, required(os.environ, "GOOGLE_CLOUD_PROJECT")
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    rest = AuthorizedSession(credentials)
    database = firestore.Client(project=project, database=env.get("FIRESTORE_DATABASE"))
    buckets = storage.Client(project=project)
    signer = IamSigner(rest, required(env, "IAM_CREDENTIALS_URL"), required(env, "UPLOAD_SIGNER"))
    permits = StorageUploads(buckets.bucket(required(env, "IMAGES_BUCKET")), signer, required(env, "STORAGE_URL"))
    jobs = VertexPipelines(rest, required(env, "VERTEX_URL"), project, required(env, "REGION"))
    captions = CaptionsTopic(project, required(env, "CAPTIONS_TOPIC"))
    pictures = PicturesTopic(project, required(env, "PICTURES_TOPIC"))
    sessions, tracks, objects = (
        FirestoreSessions(database),
        FirestoreTracks(database, Patience.from_environ(env)),
        StorageObjects(buckets),
    )
    ledger = FirestoreLedger(database)
    admission = Admission(ledger, Limits.from_environ(env))
    live = timedelta(days=whole_number(env, "SESSION_DAYS", 30))
    return HttpApi(
        opener=SessionOpener(sessions, live, admission),
        uploads=Uploads(sessions, tracks, permits, admission),
        commands=commanding.Commands(
            sessions, tracks, objects, jobs, captions, pictures, admission, commanding.Settings.from_environ(env)
        ),
        erasures=erasing.Erasures(sessions, tracks, objects, jobs, ledger, erasing.Settings.from_environ(env)),
        switch=FirestoreSwitch(database),
        origins=words(env, "ALLOWED_ORIGINS"),
    )
