import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Ends with the given exit code: for trying how a failing task is reported."

    def add_arguments(self, parser):
        parser.add_argument("code", type=int, nargs="?", default=1)
        parser.add_argument("--message", default="failing as asked")

    def handle(self, code, message, **options):
        self.stderr.write(message)
        sys.exit(code)
