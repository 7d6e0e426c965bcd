"""Connecting and publishing with Django, in one file.

Run it with ``CHANNELSTREAM_SECRET=secret python django_app.py runserver``.
"""

import json
import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from channelstream_client import Client, Draft

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", os.urandom(16).hex()),
        ALLOWED_HOSTS=["*"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        DEBUG=False,
    )

push = Client(
    os.environ.get("CHANNELSTREAM_URL", "http://127.0.0.1:8000"),
    os.environ.get("CHANNELSTREAM_SECRET", "secret"),
)


def user(request: HttpRequest) -> str:
    """Returns the name of the user. A real application uses `request.user`."""
    return request.session.setdefault("user", f"guest-{os.urandom(3).hex()}")


@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(push.connect(user(request), channels=["lobby"]).raw))


@require_POST
def message(request: HttpRequest) -> HttpResponse:
    text = str(json.loads(request.body).get("text", ""))[:1000]
    push.publish(Draft(user=user(request), channel="lobby", message={"text": text}))
    return HttpResponse(status=204)


urlpatterns = [path("push/connect", connect), path("push/message", message)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
