"""A headless Chromium over the W3C WebDriver protocol: as much of it as the page tests need, without a package.

Chromium itself takes every name under .localhost for this machine, whatever the resolver says.
"""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's own constant


class Browser:
    """Use as a context manager; everything is gone afterwards."""

    def __init__(self, size=(1000, 900), dark=False):
        self.size, self.dark = size, dark

    @staticmethod
    def missing():
        """What has to be installed, or None."""
        return next((name for name in ("chromium", "chromedriver") if not shutil.which(name)), None)

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}", "--silent"], stdout=subprocess.DEVNULL)
        try:
            self.wait(lambda: self._call("GET", "/status")["ready"], 20)
            arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            arguments.append("--window-size=%d,%d" % self.size)
            if self.dark:
                arguments.append("--blink-settings=preferredColorScheme=0")
            always = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")}}
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": always}})
            self.base += f"/session/{session['sessionId']}"
        except BaseException:
            self.driver.kill()
            raise
        return self

    def __exit__(self, *unused):
        try:
            self._call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)

    def _call(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise LookupError(f"{value['error']}: {value['message'].splitlines()[0]}") from None

    def wait(self, condition, seconds=15):
        """The condition's first true value; what it raised last, when there is none in time."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition()
                if value:
                    return value
                problem = TimeoutError(f"not true within {seconds} s")
            except (LookupError, OSError) as error:
                problem = error
            if time.monotonic() > end:
                raise problem
            time.sleep(0.05)

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def find(self, css):
        return self._call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def text(self, css):
        return self._call("GET", f"/element/{self.find(css)}/text")

    def click(self, css):
        self._call("POST", f"/element/{self.find(css)}/click")

    def type(self, css, text):
        self._call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def script(self, source):
        return self._call("POST", "/execute/sync", {"script": source, "args": []})

    def url(self):
        return self._call("GET", "/url")

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._call("GET", "/screenshot")))
