"""A Django view that does everything in one request: store the picture, describe it, submit, wait, answer."""

import os
import time
import uuid

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from google.cloud import storage

from benchmarks.peers.vendors import brief_of, folder_of, sign_in, submitted

# No CSRF middleware: the client is a program.
settings.configure(SECRET_KEY=uuid.uuid4().hex, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"])
django.setup()

bucket = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"]).bucket(os.environ["IMAGES_BUCKET"])
openai = sign_in()


def generate(request: HttpRequest) -> HttpResponse:
    """Answer with the music's URL."""
    name, picture = f"sync-{uuid.uuid4().hex}", request.body
    bucket.blob(name).upload_from_string(picture, content_type="image/jpeg")
    job = submitted(name, brief_of(openai, picture))
    # The client's wait() polls every five seconds, which would slow this peer down.
    while not job.done():
        time.sleep(0.1)
    return JsonResponse(
        {"url": f"{os.environ['STORAGE_URL']}/{os.environ['RESULTS_BUCKET']}/{folder_of(name)}/music.mp3"}
    )


urlpatterns = [path("", generate)]
application = get_wsgi_application()
