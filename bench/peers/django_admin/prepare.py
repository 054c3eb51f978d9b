"""Makes the tables (`tables`) or opens sessions (`sessions USER ...`, printed as JSON)."""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.django_admin.settings")
django.setup()

from django.contrib.auth import (  # noqa: E402 - Django is set up first
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402


def open_session(user_id: int) -> str:
    """Sign a user in and answer the cookie's value."""
    user = get_user_model().objects.get(pk=user_id)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key


if sys.argv[1] == "tables":
    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
else:
    json.dump([open_session(int(word)) for word in sys.argv[2:]], sys.stdout)
