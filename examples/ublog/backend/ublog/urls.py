"""Four path prefixes lead here (/api, /admin, /mtv, /graphql): with the host name they fill one load balancer rule."""

from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.http import Http404
from django.urls import include, path, re_path
from django.views.static import serve

from posts import graphql


def serve_static(request, path):
    found = finders.find(path)
    if not found:
        raise Http404(path)
    return serve(request, found, document_root="/")


def serve_media(request, path):
    return serve(request, path, document_root=settings.MEDIA_ROOT)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("posts.api_urls")),
    re_path(r"^graphql/?$", graphql.view),
    path("mtv/", include("posts.urls")),
]

if not hasattr(settings, "BUCKET_URL"):
    urlpatterns += [
        re_path(r"^mtv/static/(?P<path>.*)$", serve_static),
        re_path(r"^mtv/media/(?P<path>.*)$", serve_media),
    ]
