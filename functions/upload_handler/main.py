"""Answer the commands of the HTTP API: the composition root, and the only reader of the environment."""

import functools
import gc
import os

gc.disable()  # Imports create no garbage, and collecting during them takes a sixth of the cold start.

import flask
import functions_framework
from admitting import Admission, Limits
from commanding import Commands, Settings
from erasing import Buckets, Erasures
from exporting import Exporter
from firestore_ledger import FirestoreLedger
from firestore_moves import FirestoreMoves
from firestore_sessions import FirestoreSessions
from http_api import HttpApi
from liking import Likes
from marking_videos import VideoMarks
from moving import Mover
from sessions import SessionOpener
from storage_uploads import StorageUploads
from uploading import Uploads
from waking import TopicWaker

from musicgenerator import logs
from musicgenerator.order_book import OrderBook
from musicgenerator.settings import SESSION_DAYS, required, whole_number, words
from musicgenerator_google.adapters import Adapters
from musicgenerator_google.mark_secrets import signer_of_environ
from musicgenerator_google.pubsub_topics import CaptionsTopic, PicturesTopic
from musicgenerator_google.vertex_pipelines import VertexPipelines


@functions_framework.http
def handle_request(request: flask.Request) -> flask.Response:
    """Answer one HTTP request, an error as a problem document."""
    return bootstrap().answer(request)


def answer_others() -> flask.Response | None:
    """Answer a request that functions-framework does not pass on, such as `GET /robots.txt` or `GET /static/a`.

    It reads the whole body of such a request, without a deadline.
    """
    return None if flask.request.endpoint == "run" else bootstrap().answer(flask.request)


if flask.has_app_context():  # functions-framework imports this module in its app's context.
    flask.current_app.before_request(answer_others)


@functools.cache
def bootstrap() -> HttpApi:
    """Build the clients, once an instance and after the server has forked."""
    logs.redact_libraries()
    gc.enable()
    env, google = os.environ, Adapters(os.environ)
    tracks, objects, jobs = google.tracks, google.objects, VertexPipelines.from_environ(env)
    book = OrderBook(objects, required(env, "PIPELINE_BUCKET"))
    sessions, ledger = FirestoreSessions(google.database), FirestoreLedger(google.database)
    admission = Admission(ledger, Limits.from_environ(env), tracks.has_music)
    topics = CaptionsTopic(env), PicturesTopic(env)
    opener = SessionOpener(sessions, whole_number(env, "SESSION_DAYS", SESSION_DAYS), admission)
    settings = Settings.from_environ(env)
    permits, waker = StorageUploads.from_environ(google), TopicWaker(*topics)
    uploads = Uploads(sessions, tracks, permits, admission, settings.engines, waker)
    moves = FirestoreMoves(google.database)
    commands = Commands(sessions, tracks, objects, jobs, book, *topics, admission, settings)
    exporter, likes, mover = Exporter(commands), Likes(sessions, tracks, admission), Mover(sessions, moves, admission)
    erasures = Erasures(sessions, tracks, objects, jobs, book, ledger, moves, Buckets.from_environ(env))
    signer = functools.cache(functools.partial(signer_of_environ, env))
    marks = VideoMarks(sessions, tracks, objects, settings.results, admission, signer)
    proxies = whole_number(env, "TRUSTED_PROXIES", 0)
    origins = words(env, "ALLOWED_ORIGINS")
    return HttpApi(
        opener, uploads, commands, exporter, likes, mover, erasures, google.switch, origins, proxies, marks=marks
    )
