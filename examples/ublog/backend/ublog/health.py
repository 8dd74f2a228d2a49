from django.http import HttpResponse


class HealthCheckMiddleware:
    """Answers the load balancer's liveness check, first of all middleware.

    A load balancer sends the task's own address as Host, which ALLOWED_HOSTS can't know, so the answer comes before the
    host is looked at. It says that this process serves requests and no more: were the database part of it, one slow
    database would have every task replaced at once. /api/ready looks at the dependencies.
    """

    path = "/api/health-check"

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == self.path:
            return HttpResponse("ok\n", content_type="text/plain")
        return self.get_response(request)
