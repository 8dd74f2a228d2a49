from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.shortcuts import redirect
from django.views.generic import CreateView, DetailView, ListView

from .forms import PostForm
from .models import Post
from .tasks import process_later


class PostList(ListView):
    model = Post
    paginate_by = 20
    template_name = "posts/list.html"


class PostDetail(DetailView):
    model = Post
    template_name = "posts/detail.html"


class PostCreate(CreateView):
    model = Post
    form_class = PostForm
    template_name = "posts/form.html"

    def get_initial(self):
        return {"author": self.request.user.get_username()}

    def form_valid(self, form):
        if self.request.user.is_authenticated:
            form.instance.user = self.request.user
        answer = super().form_valid(form)
        process_later(self.object)
        return answer


class Register(CreateView):
    form_class = UserCreationForm
    template_name = "registration/register.html"

    def form_valid(self, form):
        login(self.request, form.save())
        return redirect("posts:list")
