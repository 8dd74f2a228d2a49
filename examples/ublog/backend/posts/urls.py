from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from . import views

app_name = "posts"

urlpatterns = [
    path("", views.PostList.as_view(), name="list"),
    path("posts/new/", views.PostCreate.as_view(), name="create"),
    path("posts/<int:pk>/", views.PostDetail.as_view(), name="detail"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("register/", views.Register.as_view(), name="register"),
]
