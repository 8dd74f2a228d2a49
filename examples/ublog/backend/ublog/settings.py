"""Settings come from the environment. Without any, the application runs alone: SQLite, files on disk, tasks at once."""

import os
import socket
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name, default=""):
    return os.environ.get(name) or default


def env_flag(name):
    return env(name).lower() in ("1", "true", "yes", "on")


def env_list(name, default=""):
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


def task_id():
    """The ECS task's id, which the metadata address ends with, or the host name outside ECS."""
    metadata = env("ECS_CONTAINER_METADATA_URI_V4").rstrip("/")
    return metadata.rpartition("/")[2].partition("-")[0] or socket.gethostname()


# What /api/info says about this process.
APP_VERSION = env("APP_VERSION", "dev")
ENVIRONMENT = env("ENVIRONMENT", "local")
HOSTNAME = socket.gethostname()
TASK_ID = task_id()

DEBUG = env_flag("DEBUG")
SECRET_KEY = env("SECRET_KEY", "only-for-a-laptop")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,.localhost,127.0.0.1")
# The load balancer ends TLS.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "posts",
]

MIDDLEWARE = [
    "ublog.health.HealthCheckMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "ublog.urls"
WSGI_APPLICATION = "ublog.wsgi.application"
LOGIN_URL = "/mtv/login/"
LOGIN_REDIRECT_URL = "/mtv/"
LOGOUT_REDIRECT_URL = "/mtv/"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "posts.context.site",
            ]
        },
    }
]

if env("POSTGRES_HOST"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": env("POSTGRES_HOST"),
            "PORT": env("POSTGRES_PORT", "5432"),
            "NAME": env("POSTGRES_NAME", "postgres"),
            "USER": env("POSTGRES_USER", "postgres"),
            "PASSWORD": env("POSTGRES_PASSWORD"),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {"connect_timeout": 5},
        }
    }
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(BASE_DIR / "data/ublog.sqlite3")}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BEAT_SCHEDULE = {"heartbeat": {"task": "posts.tasks.heartbeat", "schedule": 10.0, "options": {"expires": 10}}}
CELERY_BROKER_URL = ""
CELERY_TASK_IGNORE_RESULT = True
# A worker that dies in the middle of a task leaves the task to the next worker.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A request must not hang on a broker that is away.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}

if env("REDIS_HOST"):
    _REDIS = f"redis://{env('REDIS_HOST')}:{env('REDIS_PORT', '6379')}"
    CELERY_BROKER_URL = f"{_REDIS}/0"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 3}
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"{_REDIS}/1",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 3, "SOCKET_TIMEOUT": 3},
        }
    }
    # The cache is a convenience: without it pages are slower, and sessions come from the database.
    DJANGO_REDIS_IGNORE_EXCEPTIONS = True
else:
    CELERY_TASK_ALWAYS_EAGER = True
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

if env("AWS_STORAGE_BUCKET_NAME"):
    AWS_STORAGE_BUCKET_NAME = env("AWS_STORAGE_BUCKET_NAME")
    AWS_S3_REGION_NAME = env("AWS_REGION") or env("AWS_DEFAULT_REGION") or None
    # Older botocore doesn't read AWS_ENDPOINT_URL itself. Host names of buckets exist at AWS only.
    AWS_S3_ENDPOINT_URL = env("AWS_ENDPOINT_URL_S3") or env("AWS_ENDPOINT_URL") or None
    AWS_S3_ADDRESSING_STYLE = "path" if AWS_S3_ENDPOINT_URL else "auto"
    BUCKET_URL = env("BUCKET_URL", f"https://{AWS_STORAGE_BUCKET_NAME}.s3.amazonaws.com").rstrip("/")
    STATICFILES_STORAGE = "ublog.storages.StaticStorage"
    DEFAULT_FILE_STORAGE = "ublog.storages.MediaStorage"
    STATIC_URL = f"{BUCKET_URL}/static/"
    MEDIA_URL = f"{BUCKET_URL}/media/"
else:
    # Under /mtv/, because the load balancer sends that path here; ublog.urls serves both folders.
    STATIC_URL = "/mtv/static/"
    MEDIA_URL = "/mtv/media/"
STATIC_ROOT = str(BASE_DIR / "data/static")
MEDIA_ROOT = str(BASE_DIR / "data/media")
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 20,
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
    "root": {"handlers": ["stdout"], "level": env("LOG_LEVEL", "info").upper()},
    "loggers": {"django": {"handlers": ["stdout"], "level": env("LOG_LEVEL", "info").upper(), "propagate": False}},
}
