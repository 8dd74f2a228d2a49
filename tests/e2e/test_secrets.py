"""No generated password is anywhere but in the secret store: a whole life of an environment, watched and searched.

Searched is what people, pipelines and other programs get to see: what the commands print (with --json, with -v, and when they
fail), plans, records, events, logs of the environment and of the local cloud, exported Terraform, every file of the state
directory, and the argument list of every process that runs meanwhile. The local cloud's secret store is the collection
`secretsmanager.secrets` in cloud.db; there the passwords are. `rds.instances` has the one of PostgreSQL's superuser, which is
told to nobody.
"""

import pathlib
import re
import sqlite3
import threading
import time

import pytest

from .conftest import Ublog

SECRET_STORE = "secretsmanager.secrets"
SUPERUSER = "rds.instances"


class ArgumentLists:
    """What every process of the machine was started with, looked at again and again."""

    def __init__(self):
        self.seen, self.looks = set(), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        known = {}
        while not self._stop.is_set():
            now = {}
            for process in pathlib.Path("/proc").iterdir():
                if not process.name.isdigit():
                    continue
                try:
                    # A process that executes something else keeps its number.
                    words = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                now[process.name] = words
                if known.get(process.name) != words:
                    self.seen.add(words)
            known = now
            self.looks += 1
            time.sleep(0.002)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join()


class Search:
    """The passwords, and where one of them was found."""

    def __init__(self):
        self.passwords, self.found, self.places = {}, [], 0

    def look(self, where, content):
        self.places += 1
        content = content.encode() if isinstance(content, str) else content
        self.found += [f"{name} is in {where}" for name, password in self.passwords.items() if password.encode() in content]


def passwords_of(ublog):
    """{name: password}, of what was generated: by adhoc, by RDS, by the local cloud for itself."""
    secrets = ublog.cloud.client("secretsmanager")
    found = {}
    for secret in secrets.list_secrets()["SecretList"]:
        text = secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"]
        match = re.search(r'"password":\s*"([^"]+)"', text)
        found[secret["Name"]] = match[1] if match else text
    with sqlite3.connect(f"file:{ublog.cloud.home}/cloud.db?mode=ro", uri=True) as database:
        for key, document in database.execute("SELECT key, document FROM documents WHERE collection = ?", [SUPERUSER]):
            superuser = re.search(rb"_admin_password[^A-Za-z0-9]{0,3}([A-Za-z0-9]{40})", bytes(document))
            found[f"the superuser of {key}"] = superuser[1].decode()
    return found


def look_at_state(search, ublog, when):
    """Every file, and every row of the database that holds the secret store."""
    for path in pathlib.Path(ublog.cloud.home).rglob("*"):
        if path.is_file() and not path.name.startswith("cloud.db"):
            search.look(f"{path.relative_to(ublog.cloud.home)} {when}", path.read_bytes())
    with sqlite3.connect(f"file:{ublog.cloud.home}/cloud.db?mode=ro", uri=True) as database:
        tables = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"documents", "log_events", "measurements"} <= set(tables)
        for table in tables:
            for row in database.execute(f"SELECT * FROM {table}"):
                if table == "documents" and row[0] == SECRET_STORE:
                    continue
                content = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
                if table == "documents" and row[0] == SUPERUSER:
                    content = re.sub(rb"_admin_password[^A-Za-z0-9]{0,3}[A-Za-z0-9]{40}", b"", content)
                search.look(f"{table} {row[0]!r} {row[1]!r} {when}", content)


@pytest.fixture(scope="module")
def life(program, tmp_path_factory):
    """The environment `alpha` from beginning to end; what was printed by whom, and what was seen."""
    ublog = Ublog(program, tmp_path_factory.mktemp("ublog"))
    search, printed = Search(), []

    def adhoc(*arguments, fails=False):
        result = ublog.adhoc(*arguments, check=not fails)
        assert (result.returncode != 0) == fails, (arguments, result.stdout, result.stderr)
        printed.append((" ".join(arguments), result.stdout + result.stderr))

    try:
        ublog.cloud.start().wait_for_engine()
        ublog.make_images()
        with ArgumentLists() as processes:
            adhoc("plan", "alpha")
            adhoc("--json", "-v", "up", "alpha", "-f", "envs/alpha.tfvars")
            # They are there from here on.
            search.passwords = passwords_of(ublog)
            for words in (["-v", "up", "alpha"], ["--json", "-v", "plan", "alpha", "--var", "log_level=debug"], ["--json", "-v", "status", "alpha"],
                          ["-v", "ls"], ["--json", "ls"], ["-v", "deploy", "alpha", "backend", "v1.1.0"], ["logs", "alpha"],
                          ["-v", "run", "alpha", "--", "python3", "manage.py", "check"], ["-v", "exec", "alpha", "gunicorn", "--", "true"],
                          ["--json", "doctor"], ["--json", "quota"], ["--json", "local", "status"]):
                adhoc(*words)
            for tag in ("v1.2.0-migrate-fails", "v1.2.0-boot-fails"):
                adhoc("--json", "-v", "deploy", "alpha", "backend", tag, fails=True)
            adhoc("up", "alpha")  # until the way back from the last one is complete
            adhoc("-v", "export", "terraform", "alpha", "--output", str(ublog.directory / "exported"))
            for workload in ("gunicorn", "worker", "migrate", "database"):
                adhoc("logs", "alpha", workload)
            look_at_state(search, ublog, "while it runs")
            adhoc("--json", "-v", "down", "alpha")
            adhoc("-v", "shared", "down")
        look_at_state(search, ublog, "afterwards")
        yield ublog, search, printed, processes
    finally:
        ublog.end()


def test_there_are_passwords_to_look_for(life):
    _, search, _, _ = life
    assert {"alpha/database", "alpha/DJANGO_SECRET_KEY", "the superuser of dev-rds"} <= set(search.passwords)
    assert any(name.startswith("rds!") for name in search.passwords)
    assert all(len(password) >= 20 for password in search.passwords.values())
    assert len(set(search.passwords.values())) == len(search.passwords)


def test_the_search_finds_what_is_there(life):
    ublog, search, _, _ = life
    again = Search()
    again.passwords = search.passwords
    again.look("a line", "x" + next(iter(search.passwords.values())))
    assert len(again.found) == 1


def test_none_is_in_what_the_commands_print(life):
    ublog, search, printed, _ = life
    before = len(search.found)
    for command, text in printed:
        search.look(f"the output of {command}", text)
    assert search.found[before:] == []
    assert sum(len(text) for _, text in printed) > 50_000


def test_none_is_in_an_argument_list(life):
    _, search, _, processes = life
    before = len(search.found)
    for words in processes.seen:
        search.look(f"the arguments of {words[:200]!r}", words)
    assert search.found[before:] == []
    assert processes.looks > 100
    assert any(b"gunicorn" in words for words in processes.seen)
    assert any(b"manage.py" in words for words in processes.seen), "one-off tasks were seen"


def test_none_is_in_a_record_a_log_or_any_other_file(life):
    ublog, search, _, _ = life
    for path in (ublog.directory / "exported").rglob("*"):
        if path.is_file():
            search.look(f"exported {path.name}", path.read_bytes())
    search.look("the log of the local cloud", ublog.cloud.log_text())
    assert search.found == []
    assert search.places > 500
