"""django-helpdesk in its own virtual environment: `python rival_helpdesk.py FOLDER MAILS RELAY_PORT STORED`.

As its `get_email` does it, in one process: each mail is read, stored, answered, and an agent in copy is told, over
SMTP. SQLite in WAL with synchronous FULL. STORED messages lie in the database before. Prints seconds and CPU seconds.
"""

import json
import logging
import sys
import time
import types
from pathlib import Path

import django
from django.conf import settings

folder, mails, port, stored = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
urls = types.ModuleType("bench_urls")
sys.modules["bench_urls"] = urls
settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    SITE_ID=1,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.sites",
        "django.contrib.humanize",
        "django.contrib.admin",
        "django.contrib.messages",
        "rest_framework",
        "django_cleanup.apps.CleanupConfig",
        "helpdesk",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    ROOT_URLCONF="bench_urls",
    MEDIA_ROOT=str(folder / "media"),
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(folder / "helpdesk.sqlite3"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=port,
    HELPDESK_TEAMS_MODE_ENABLED=False,
)
django.setup()

from django.core.management import call_command  # noqa: E402  # Django wants its settings first
from django.db import transaction  # noqa: E402  # as above
from django.urls import include, path  # noqa: E402  # as above
from helpdesk.email import extract_email_metadata  # noqa: E402  # as above
from helpdesk.models import FollowUp, Queue, Ticket  # noqa: E402  # as above

urls.urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]  # type: ignore[attr-defined]  # made here
logging.disable(logging.CRITICAL)
call_command("migrate", verbosity=0)
call_command("loaddata", "emailtemplate.json", verbosity=0)
queue = Queue.objects.create(
    title="Support",
    slug="support",
    email_address="support@example.com",
    email_box_type="local",
    email_box_local_dir=str(folder),
    new_ticket_cc="anna@example.com",
    updated_ticket_cc="anna@example.com",
    enable_notifications_on_email_events=True,
)
text = "Where is my order? It was sent a week ago and nothing came. " * 20
for start in range(0, stored, 5_000):
    with transaction.atomic():
        made = Ticket.objects.bulk_create(
            Ticket(
                title=f"Stored {n}", queue=queue, submitter_email=f"old{n % 20_000}@customer.example", description=text
            )
            for n in range(start, min(start + 5_000, stored), 2)
        )
        FollowUp.objects.bulk_create(
            FollowUp(ticket=t, title="E-Mail", comment=text, public=True, message_id=f"<stored{t.pk}@customer.example>")
            for t in made
        )

load = [p.read_bytes().decode("utf-8", "replace") for p in sorted(mails.glob("*.eml"))]
warm, load = load[:10], load[10:]
for raw in warm:
    extract_email_metadata(raw, queue, logging.getLogger("bench"))
began, spent = time.perf_counter(), time.process_time()
for raw in load:
    extract_email_metadata(raw, queue, logging.getLogger("bench"))
print(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - spent, "mails": len(load)}))
