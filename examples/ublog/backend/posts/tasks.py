import logging
import socket
from datetime import timedelta

from celery import shared_task
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from .models import Heartbeat, Post

log = logging.getLogger(__name__)


@shared_task
def process_post(post_id):
    """Counts the words of a post and notes who did it. Running twice for one post does no harm."""
    post = Post.objects.filter(pk=post_id).first()
    if post is None:
        log.info("post %s is gone, nothing to process", post_id)
        return
    words = len(post.body.split())
    note = f"processed by worker {socket.gethostname()} at {timezone.now():%Y-%m-%d %H:%M:%S} UTC"
    # Only these columns: somebody may be editing the post.
    Post.objects.filter(pk=post_id).update(word_count=words, processed=note)
    log.info("post %s has %s words", post_id, words)


@shared_task
def heartbeat():
    """Runs every ten seconds: leaves a trace in the database and picks up posts that no worker got to see."""
    now = timezone.now()
    with transaction.atomic():
        Heartbeat.objects.get_or_create(pk=1, defaults={"last_beat": now, "worker": socket.gethostname()})
        Heartbeat.objects.filter(pk=1).update(last_beat=now, beats=F("beats") + 1, worker=socket.gethostname())
    waiting = Post.objects.filter(word_count=None, created_at__lt=now - timedelta(seconds=10))
    for post_id in waiting.values_list("pk", flat=True)[:100]:
        process_post(post_id)


def process_later(post):
    """Hands a new post to a worker once it is committed. Without a broker the post stays, and the heartbeat finds it."""

    def send():
        try:
            process_post.delay(post.pk)
        except OperationalError as error:
            log.warning("post %s waits for the next heartbeat: no broker: %s", post.pk, error)

    transaction.on_commit(send)
