"""The application alone: SQLite in memory, tasks run at once."""

import io
import shutil
import tempfile
from datetime import timedelta
from unittest import mock

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import TestCase, TransactionTestCase, override_settings
from django.utils import timezone
from kombu.exceptions import OperationalError
from PIL import Image

from posts.models import Heartbeat, Post
from posts.tasks import heartbeat, process_post


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(buffer, "PNG")
    return buffer.getvalue()


class HealthTest(TestCase):
    def test_liveness_ignores_the_host_and_the_database(self):
        with self.assertNumQueries(0):
            answer = self.client.get("/api/health-check", HTTP_HOST="10.0.1.17:8000")
        self.assertEqual(answer.status_code, 200)

    def test_other_paths_still_check_the_host(self):
        self.assertEqual(self.client.get("/api/info", HTTP_HOST="10.0.1.17:8000").status_code, 400)

    def test_ready_names_what_fails(self):
        self.assertEqual(self.client.get("/api/ready").status_code, 200)
        with mock.patch("posts.api.check_redis", side_effect=ConnectionError("refused")):
            answer = self.client.get("/api/ready")
        self.assertEqual(answer.status_code, 503)
        self.assertEqual(answer.json(), {"database": "ok", "redis": "ConnectionError: refused"})


class ApiTest(TransactionTestCase):
    def test_a_post_is_processed(self):
        answer = self.client.post("/api/posts/", {"author": "ada", "body": "three short words"}, "application/json")
        self.assertEqual(answer.status_code, 201, answer.content)
        post = self.client.get(f"/api/posts/{answer.json()['id']}/").json()
        self.assertEqual(post["word_count"], 3)
        self.assertRegex(post["processed"], r"^processed by worker \S+ at ")

    def test_bad_input_is_refused_by_field(self):
        answer = self.client.post("/api/posts/", {"author": "x" * 41, "body": ""}, "application/json")
        self.assertEqual(answer.status_code, 400)
        self.assertEqual(set(answer.json()), {"author", "body"})
        self.assertEqual(Post.objects.count(), 0)

    def test_the_worker_fields_are_not_the_clients(self):
        body = {"author": "ada", "body": "one", "word_count": 99, "processed": "by me"}
        answer = self.client.post("/api/posts/", body, "application/json")
        self.assertEqual(Post.objects.get(pk=answer.json()["id"]).word_count, 1)

    def test_newest_first_and_limited(self):
        for number in range(25):
            Post.objects.create(author="ada", body=str(number))
        answer = self.client.get("/api/posts/").json()
        self.assertEqual(answer["count"], 25)
        self.assertEqual([post["body"] for post in answer["results"]], [str(n) for n in range(24, 4, -1)])

    def test_info_says_what_runs(self):
        with override_settings(APP_VERSION="v9", ENVIRONMENT="alpha"):
            info = self.client.get("/api/info").json()
        self.assertEqual((info["version"], info["environment"], info["last_beat"]), ("v9", "alpha", None))
        self.assertTrue(info["hostname"] and info["task"] and info["database"])
        heartbeat()
        info = self.client.get("/api/info").json()
        self.assertEqual(info["beats"], 1)
        self.assertTrue(info["last_beat"])

    def test_without_a_broker_the_post_stays(self):
        with mock.patch.object(process_post, "delay", side_effect=OperationalError("refused")):
            answer = self.client.post("/api/posts/", {"author": "ada", "body": "two words"}, "application/json")
        self.assertEqual(answer.status_code, 201)
        self.assertIsNone(answer.json()["word_count"])


class TaskTest(TestCase):
    def test_a_post_that_is_gone_is_no_error(self):
        process_post(12345)

    def test_heartbeats_are_counted(self):
        heartbeat()
        first = Heartbeat.objects.get()
        heartbeat()
        second = Heartbeat.objects.get()
        self.assertEqual((first.beats, second.beats), (1, 2))
        self.assertGreaterEqual(second.last_beat, first.last_beat)

    def test_the_heartbeat_picks_up_posts_left_behind(self):
        old, new = Post.objects.create(author="a", body="one two"), Post.objects.create(author="a", body="one")
        Post.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(minutes=1))
        heartbeat()
        old.refresh_from_db()
        new.refresh_from_db()
        self.assertEqual((old.word_count, new.word_count), (2, None))


class PagesTest(TransactionTestCase):
    def setUp(self):
        media = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, media)
        override = override_settings(MEDIA_ROOT=media)
        override.enable()
        self.addCleanup(override.disable)

    def test_write_with_an_image_and_read(self):
        image = SimpleUploadedFile("dot.png", png(), "image/png")
        answer = self.client.post("/mtv/posts/new/", {"author": "ada", "body": "<b>hi</b> there", "image": image})
        post = Post.objects.get()
        self.assertRedirects(answer, f"/mtv/posts/{post.pk}/")
        page = self.client.get("/mtv/").content.decode()
        self.assertIn("&lt;b&gt;hi&lt;/b&gt; there", page)
        self.assertIn("2 words · processed by worker", page)
        self.assertIn(post.image.url, page)
        self.assertEqual(self.client.get(post.image.url).status_code, 200)

    def test_what_is_no_image_is_refused(self):
        image = SimpleUploadedFile("dot.png", b"not a picture", "image/png")
        answer = self.client.post("/mtv/posts/new/", {"author": "ada", "body": "hi", "image": image})
        self.assertContains(answer, "Upload a valid image")
        self.assertEqual(Post.objects.count(), 0)

    def test_register_log_out_log_in(self):
        secret = "correct horse battery"
        form = {"username": "ada", "password1": secret, "password2": secret}
        self.assertRedirects(self.client.post("/mtv/register/", form), "/mtv/")
        self.assertContains(self.client.get("/mtv/posts/new/"), 'value="ada"')
        self.client.post("/mtv/posts/new/", {"author": "ada", "body": "mine"})
        self.assertEqual(Post.objects.get().user.username, "ada")
        self.client.get("/mtv/logout/")
        self.assertContains(self.client.get("/mtv/"), "Log in")
        self.assertRedirects(self.client.post("/mtv/login/", {"username": "ada", "password": secret}), "/mtv/")

    def test_static_files_are_served(self):
        self.assertEqual(self.client.get(f"{settings.STATIC_URL}ublog/style.css").status_code, 200)
        self.assertEqual(self.client.get(f"{settings.STATIC_URL}../settings.py").status_code, 400)


class GraphqlTest(TransactionTestCase):
    def run_query(self, query, variables=None, status=200):
        answer = self.client.post("/graphql", {"query": query, "variables": variables}, "application/json")
        self.assertEqual(answer.status_code, status, answer.content)
        return answer.json()

    def test_write_and_read(self):
        mutation = "mutation($b: String!) { createPost(author: \"ada\", body: $b) { id } }"
        created = self.run_query(mutation, {"b": "one two"})
        query = "{ posts { author wordCount } post(id: %d) { body } }" % created["data"]["createPost"]["id"]
        data = self.run_query(query)["data"]
        self.assertEqual(data, {"posts": [{"author": "ada", "wordCount": 2}], "post": {"body": "one two"}})

    def test_mistakes_are_answered(self):
        self.assertIn("errors", self.run_query("{ nothing }", status=400))
        self.assertIn("body:", self.run_query('mutation { createPost(author: "a", body: "") { id } }')["errors"][0]["message"])
        self.assertEqual(self.client.post("/graphql", "{", "application/json").status_code, 400)
        self.assertEqual(self.client.get("/graphql", {"query": "mutation { x }"}).status_code, 405)

    def test_the_page(self):
        self.assertContains(self.client.get("/graphql"), "<textarea")
        self.assertEqual(self.client.get("/graphql", {"query": "{ version }"}).json()["data"], {"version": settings.APP_VERSION})


class CommandTest(TestCase):
    def test_ensure_admin_can_be_repeated(self):
        for password in ("first secret", "second secret"):
            call_command("ensure_admin", username="root", password=password, stdout=io.StringIO())
        self.assertTrue(self.client.login(username="root", password="second secret"))
        self.assertEqual(self.client.get("/admin/").status_code, 200)
        with self.assertRaises(CommandError):
            call_command("ensure_admin", username="root", password="")

    def test_fail_ends_with_the_code(self):
        with self.assertRaises(SystemExit) as caught:
            call_command("fail", "7", stderr=io.StringIO())
        self.assertEqual(caught.exception.code, 7)
