from django.conf import settings

from .models import Heartbeat


def site(request):
    """What every page shows: the version, the environment, the last heartbeat."""
    return {
        "app_version": settings.APP_VERSION,
        "environment": settings.ENVIRONMENT,
        "task_id": settings.TASK_ID,
        "heartbeat": Heartbeat.objects.filter(pk=1).first,
    }
