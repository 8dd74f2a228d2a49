from django.conf import settings
from django.db import models


class Post(models.Model):
    """A short text under a name. The worker fills in the last two fields some moments after the post was written."""

    author = models.CharField(max_length=40)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    body = models.TextField(max_length=500)
    image = models.ImageField(upload_to="posts", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    word_count = models.PositiveIntegerField(null=True, blank=True, editable=False)
    processed = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self):
        return f"{self.author}: {self.body[:40]}"

    def get_absolute_url(self):
        return f"/mtv/posts/{self.pk}/"


class Heartbeat(models.Model):
    """One row (id 1): what beat, through a worker, did last."""

    last_beat = models.DateTimeField()
    beats = models.PositiveBigIntegerField(default=0)
    worker = models.CharField(max_length=100)
