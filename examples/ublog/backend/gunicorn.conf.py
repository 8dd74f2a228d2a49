"""gunicorn reads this file from its working directory; the command line overrides it."""

import os

from gunicorn.glogging import Logger

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4
# The application is imported once, not by each worker, and a mistake in it ends the server with a traceback and exit
# code 1 instead of a worker that is started again.
preload_app = True
# Longer than the load balancer keeps an idle connection (60 s): the side that closes first must be the load balancer,
# or a request may meet a connection that is just being closed.
keepalive = 75
# Below the 30 s that ECS waits between SIGTERM and SIGKILL.
graceful_timeout = 25
# The heartbeat file of the workers; on a disk it can stall them.
worker_tmp_dir = "/dev/shm"
accesslog = "-"
access_log_format = '%({x-forwarded-for}i)s "%(r)s" %(s)s %(b)s %(M)sms'
loglevel = os.environ.get("LOG_LEVEL", "info").lower()


class QuietHealthChecks(Logger):
    """Leaves successful health checks out of the access log: they would be most of it."""

    def access(self, resp, req, environ, request_time):
        if environ.get("PATH_INFO") == "/api/health-check" and resp.status.startswith("200"):
            return
        super().access(resp, req, environ, request_time)


logger_class = QuietHealthChecks
