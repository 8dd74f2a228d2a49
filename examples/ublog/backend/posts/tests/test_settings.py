"""What the environment variables turn into, in a fresh interpreter each."""

import json
import os
import subprocess
import sys
from pathlib import Path

from django.test import SimpleTestCase


def settings_with(**variables):
    code = (
        "import json, django; from django.conf import settings; django.setup();"
        "from django.templatetags.static import static;"
        "from django.core.files.storage import default_storage;"
        "print(json.dumps({'db': settings.DATABASES['default'], 'broker': settings.CELERY_BROKER_URL,"
        " 'task': settings.TASK_ID, 'static': static('a b.css'), 'media': default_storage.url('posts/x.png'),"
        " 'hosts': settings.ALLOWED_HOSTS}))"
    )
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "ublog.settings", **variables}
    root = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=root, check=True, capture_output=True)
    return json.loads(done.stdout)


class SettingsTest(SimpleTestCase):
    def test_alone(self):
        found = settings_with()
        self.assertTrue(found["db"]["ENGINE"].endswith("sqlite3"))
        self.assertEqual((found["static"], found["media"]), ("/mtv/static/a%20b.css", "/mtv/media/posts/x.png"))

    def test_in_an_environment(self):
        found = settings_with(
            POSTGRES_HOST="db", POSTGRES_NAME="alpha-db", POSTGRES_USER="alpha", POSTGRES_PASSWORD="s", REDIS_HOST="redis",
            AWS_STORAGE_BUCKET_NAME="alpha-bucket", AWS_ENDPOINT_URL="http://cloud:4566", AWS_REGION="us-east-1",
            BUCKET_URL="http://localhost:4566/alpha-bucket/", ALLOWED_HOSTS="alpha.localhost, localhost",
            ECS_CONTAINER_METADATA_URI_V4="http://169.254.170.2/v4/0123456789abcdef0123456789abcdef-1234567890",
        )
        self.assertEqual([found["db"][key] for key in ("HOST", "PORT", "NAME", "USER")], ["db", "5432", "alpha-db", "alpha"])
        self.assertEqual(found["broker"], "redis://redis:6379/0")
        self.assertEqual(found["static"], "http://localhost:4566/alpha-bucket/static/a%20b.css")
        self.assertEqual(found["media"], "http://localhost:4566/alpha-bucket/media/posts/x.png")
        self.assertEqual(found["hosts"], ["alpha.localhost", "localhost"])
        self.assertEqual(found["task"], "0123456789abcdef0123456789abcdef")
