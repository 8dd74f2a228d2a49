"""make-repo: every version can be made, and the same sources give the same commits."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent
TAGS = ["v1.0.0", "v1.1.0", "v1.2.0-boot-fails", "v1.2.0-migrate-fails", "v1.2.0-unhealthy", "v2.0.0", "v2.1.0"]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options).stdout


def git(repo, *arguments):
    return run("git", "-C", repo, *arguments)


@pytest.fixture
def sources(tmp_path):
    """A copy of what the repository is made from, free to change."""
    copy = tmp_path / "ublog"
    copy.mkdir()
    for name in ("backend", "frontend", "versions"):
        shutil.copytree(HERE / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for name in ("make-repo", ".gitignore"):
        shutil.copy(HERE / name, copy / name)
    return copy


def test_has_every_version(sources):
    run(sources / "make-repo")
    repo = sources / ".repo"
    assert git(repo, "tag").split() == TAGS
    for tag in TAGS:
        files = git(repo, "ls-tree", "-r", "--name-only", tag).split()
        assert {"backend/Containerfile", "backend/manage.py", "frontend/Containerfile", "frontend/index.html"} <= set(files)
        assert ("backend/posts/migrations/0002_post_total_views.py" in files) == (tag not in ("v1.0.0", "v2.0.0"))
    # The files shown are the newest version that works, and unchanged.
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "describe", "--tags").strip() == "v2.1.0"


def test_same_sources_same_commits(sources, tmp_path):
    run(sources / "make-repo", tmp_path / "one")
    strange = {**os.environ, "GIT_AUTHOR_NAME": "somebody", "TZ": "Asia/Tokyo", "GIT_AUTHOR_DATE": "2001-01-01T00:00:00"}
    run(sources / "make-repo", tmp_path / "two", env=strange)
    assert git(tmp_path / "one", "show-ref") == git(tmp_path / "two", "show-ref")


def test_runs_again_without_a_change(sources):
    run(sources / "make-repo")
    before = git(sources / ".repo", "show-ref")
    assert run(sources / "make-repo") == "up to date\n"
    assert git(sources / ".repo", "show-ref") == before


def test_a_changed_source_moves_the_tags(sources):
    run(sources / "make-repo")
    before = git(sources / ".repo", "rev-parse", "v2.1.0")
    with open(sources / "frontend/nginx.conf", "a") as file:
        file.write("# changed\n")
    assert len(re.findall(r"^v", run(sources / "make-repo"), re.M)) == len(TAGS)
    assert git(sources / ".repo", "rev-parse", "v2.1.0") != before
    assert (sources / ".repo/frontend/nginx.conf").read_text().endswith("# changed\n")


def test_a_patch_that_does_not_apply_is_named(sources):
    models = sources / "backend/posts/models.py"
    models.write_text(models.read_text().replace("processed = models.CharField", "processed  =  models.CharField"))
    done = subprocess.run([str(sources / "make-repo")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "versions/backend-v1.1.0.patch does not apply to v2.0.0" in done.stderr


def test_leaves_a_foreign_directory_alone(sources, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "precious").write_text("data")
    done = subprocess.run([str(sources / "make-repo"), str(foreign)], capture_output=True, text=True)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [entry.name for entry in foreign.iterdir()] == ["precious"]
