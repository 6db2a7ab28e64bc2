"""Answer the commands of the HTTP API: the composition root, and the only reader of the environment."""

import functools
import os

import commanding
import erasing
import flask
import functions_framework
from admitting import Admission, Limits
from firestore_ledger import FirestoreLedger
from firestore_sessions import FirestoreSessions
from http_api import HttpApi
from sessions import SessionOpener
from storage_uploads import StorageUploads
from uploading import Uploads

from musicgenerator.settings import whole_number, words
from musicgenerator_google.adapters import Adapters
from musicgenerator_google.pubsub_topics import CaptionsTopic, PicturesTopic
from musicgenerator_google.vertex_pipelines import VertexPipelines


@functions_framework.http
def handle_request(request: flask.Request) -> flask.Response:
    """Answer one HTTP request, an error as a problem document."""
    return bootstrap().answer(request)


@functools.cache
def bootstrap() -> HttpApi:
    """Build the clients, once an instance and after the server has forked."""
    env, google = os.environ, Adapters(os.environ)
    sessions, ledger = FirestoreSessions(google.database), FirestoreLedger(google.database)
    tracks, objects, jobs = google.tracks, google.objects, VertexPipelines.from_environ(env)
    admission, days = Admission(ledger, Limits.from_environ(env)), whole_number(env, "SESSION_DAYS", 30)
    topics, settings = (CaptionsTopic(env), PicturesTopic(env)), commanding.Settings.from_environ(env)
    return HttpApi(
        opener=SessionOpener(sessions, days, admission),
        uploads=Uploads(sessions, tracks, StorageUploads.from_environ(google), admission),
        commands=commanding.Commands(sessions, tracks, objects, jobs, *topics, admission, settings),
        erasures=erasing.Erasures(sessions, tracks, objects, jobs, ledger, erasing.Settings.from_environ(env)),
        switch=google.switch,
        origins=words(env, "ALLOWED_ORIGINS"),
    )
