from django.urls import path

from . import api

urlpatterns = [
    path("info", api.info),
    path("ready", api.ready),
    path("posts/", api.PostList.as_view()),
    path("posts/<int:pk>/", api.PostDetail.as_view()),
]
