from django.conf import settings
from django.core.cache import caches
from django.db import connection
from rest_framework import generics, serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response

from .models import Heartbeat, Post
from .tasks import process_later


class PostSerializer(serializers.ModelSerializer):
    class Meta:
        model = Post
        fields = ["id", "author", "body", "image", "created_at", "word_count", "processed"]
        read_only_fields = ["word_count", "processed"]


class PostList(generics.ListCreateAPIView):
    queryset = Post.objects.all()
    serializer_class = PostSerializer

    def perform_create(self, serializer):
        user = self.request.user if self.request.user.is_authenticated else None
        process_later(serializer.save(user=user))


class PostDetail(generics.RetrieveAPIView):
    queryset = Post.objects.all()
    serializer_class = PostSerializer


@api_view()
def info(request):
    """What runs here; the single-page application takes its configuration from this."""
    beat = Heartbeat.objects.filter(pk=1).first()
    return Response(
        {
            "version": settings.APP_VERSION,
            "environment": settings.ENVIRONMENT,
            "hostname": settings.HOSTNAME,
            "task": settings.TASK_ID,
            "database": connection.settings_dict["NAME"],
            "posts": Post.objects.count(),
            "last_beat": beat and beat.last_beat,
            "beats": beat.beats if beat else 0,
            "beat_worker": beat.worker if beat else None,
        }
    )


def check_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def check_redis():
    if settings.CELERY_BROKER_URL:
        import redis

        redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=3, socket_timeout=3).ping()
    else:
        caches["default"].get("ready")


@api_view()
def ready(request):
    """200 when this task can do its work, 503 with the reasons when it can't."""
    checks = {}
    for name, check in (("database", check_database), ("redis", check_redis)):
        try:
            check()
            checks[name] = "ok"
        except Exception as error:  # Whatever a driver throws is the answer to the question.
            checks[name] = f"{type(error).__name__}: {error}".strip()
    return Response(checks, status=200 if set(checks.values()) == {"ok"} else 503)
