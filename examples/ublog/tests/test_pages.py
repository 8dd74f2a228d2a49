"""The pages in a browser. UBLOG_URL names a running ublog, e.g. http://demo.localhost:8080; without it: skipped.

UBLOG_SCREENSHOTS names a directory to leave pictures in.
"""

import os
import struct
import time
import urllib.request
import zlib
from pathlib import Path

import pytest
from webdriver import Browser

URL = os.environ.get("UBLOG_URL", "").rstrip("/")
# Not just `.post`: an element inside would be looked for in every post.
NEWEST = "article.post:first-of-type"
pytestmark = [
    pytest.mark.skipif(not URL, reason="UBLOG_URL is not set"),
    pytest.mark.skipif(Browser.missing() is not None, reason=f"{Browser.missing()} is not installed"),
]


@pytest.fixture(params=["light", "dark"])
def browser(request):
    with Browser(dark=request.param == "dark") as opened:
        opened.scheme = request.param
        yield opened


def picture(browser, name):
    directory = os.environ.get("UBLOG_SCREENSHOTS")
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        browser.screenshot(f"{directory}/{name}-{browser.scheme}.png")


def gradient(width=640, height=240):
    """A PNG, made here so that no picture needs to be kept."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(
        b"\0" + b"".join(bytes((40 + x * 160 // width, 90 + y * 100 // height, 200)) for x in range(width))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_post_gets_its_word_count(browser, tmp_path):
    unique = f"written by a browser at {time.time_ns()}"
    image = tmp_path / "gradient.png"
    image.write_bytes(gradient())
    browser.open(f"{URL}/")
    browser.wait(lambda: browser.text("[data-test=backend-version]") not in ("", "…"))
    browser.type("input[name=author]", "Ada")
    browser.type("textarea[name=body]", unique)
    browser.type("input[type=file]", str(image))
    browser.click(".composer button")
    browser.wait(lambda: unique in browser.text(NEWEST))
    # The worker's effect, without a reload.
    browser.wait(lambda: browser.text(f"{NEWEST} .words") == "6 words")
    assert browser.text(f"{NEWEST} .processed").startswith("processed by worker ")
    browser.wait(lambda: browser.script(f"return document.querySelector('{NEWEST} img').naturalWidth") == 640)
    picture(browser, "app")

    browser.click(f"{NEWEST} .meta a")
    browser.wait(lambda: "/posts/" in browser.url() and browser.text(".back"))
    browser.wait(lambda: browser.text(f"{NEWEST} .body") == unique)
    picture(browser, "post")

    # The same post, rendered by the server, with its style sheet.
    browser.open(f"{URL}/mtv/")
    assert unique in browser.text("article")
    assert "6 words · processed by worker" in browser.text("article")
    assert browser.script("return getComputedStyle(document.body).maxWidth") != "none"
    picture(browser, "pages")


def test_a_deep_link_opens_the_application(browser):
    browser.open(f"{URL}/posts/999999999")
    browser.wait(lambda: browser.text(".banner"))
    assert browser.text(".banner") == "Not found."


def test_the_heartbeat_is_seen(browser):
    browser.open(f"{URL}/")
    browser.wait(lambda: browser.text("[data-test=last-beat]").endswith(("ago", "now")), 30)


def test_the_admin_has_its_style(browser):
    browser.open(f"{URL}/admin/")
    assert browser.text("#site-name") == "Django administration"
    assert browser.script("return document.styleSheets.length") > 0
    picture(browser, "admin")


def test_the_frontend_has_its_health_check():
    with urllib.request.urlopen(f"{URL}/healthz", timeout=10) as answer:
        assert answer.status == 200
