"""GraphQL over HTTP: POST with JSON, GET with ?query=, and a plain page to try it without a parameter."""

import json

import graphene
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from . import models
from .tasks import process_later


class Post(graphene.ObjectType):
    id = graphene.Int()
    author = graphene.String()
    body = graphene.String()
    image = graphene.String()
    created_at = graphene.DateTime()
    word_count = graphene.Int()
    processed = graphene.String()

    def resolve_image(post, info):
        return post.image.url if post.image else None


class Query(graphene.ObjectType):
    version = graphene.String()
    environment = graphene.String()
    posts = graphene.List(graphene.NonNull(Post), first=graphene.Int(default_value=20))
    post = graphene.Field(Post, id=graphene.Int(required=True))

    def resolve_version(root, info):
        return settings.APP_VERSION

    def resolve_environment(root, info):
        return settings.ENVIRONMENT

    def resolve_posts(root, info, first):
        return models.Post.objects.all()[: max(0, min(first, 100))]

    def resolve_post(root, info, id):
        return models.Post.objects.filter(pk=id).first()


class CreatePost(graphene.Mutation):
    class Arguments:
        author = graphene.String(required=True)
        body = graphene.String(required=True)

    Output = Post

    def mutate(root, info, author, body):
        post = models.Post(author=author, body=body)
        try:
            post.full_clean()
        except ValidationError as error:
            raise ValueError("; ".join(f"{field}: {' '.join(reasons)}" for field, reasons in error.message_dict.items()))
        post.save()
        process_later(post)
        return post


class Mutation(graphene.ObjectType):
    create_post = CreatePost.Field()


schema = graphene.Schema(query=Query, mutation=Mutation)


# Without the CSRF check, because nothing here acts in the name of whoever is logged in.
@csrf_exempt
@require_http_methods(["GET", "POST"])
def view(request):
    variables = None
    if request.method == "POST":
        try:
            document = json.loads(request.body)
            query, variables = document["query"], document.get("variables")
        except (ValueError, KeyError, TypeError):
            return JsonResponse({"errors": [{"message": "expected a JSON object with a member 'query'"}]}, status=400)
    else:
        query = request.GET.get("query")
        if not query:
            return render(request, "posts/graphql.html")
        if query.lstrip().startswith("mutation"):
            return JsonResponse({"errors": [{"message": "a mutation needs POST"}]}, status=405)
    result = schema.execute(query, variables=variables)
    answer = {"data": result.data}
    if result.errors:
        answer["errors"] = [{"message": str(error)} for error in result.errors]
    return JsonResponse(answer, status=400 if result.invalid else 200)
