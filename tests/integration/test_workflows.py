"""`adhoc ci init`: its files are the golden ones, GitHub's own parser reads them, and their `run:` steps do what they say."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from conftest import IMAGE, ROOT, LocalCloud, free_port, npm_packages

GOLDEN = ROOT / "tests" / "golden" / "workflows"
ACTION = "my-team/adhoc@v1"
DEFINITION = f"""
name: shop
shared: dev
variables:
  tag: {{type: string}}
images:
  web: {{build: web, repository: web, tag: "${{var.tag}}"}}
services:
  web: {{image: web, port: 80, paths: ["/*"]}}
targets:
  local: {{kind: local, domain: localhost}}
  dev: {{kind: aws, account: "123456789012", region: eu-west-1, domain: dev.example.com}}
"""
TWO_TARGETS = """  stage: {kind: aws, account: "210987654321", region: us-east-1, domain: stage.example.com, shared: stage}
"""


def make_project(directory, definition=DEFINITION, folder="."):
    """An application with one image, at the git tags v1 and v2."""
    home = directory / folder
    (home / "web").mkdir(parents=True)
    (home / "envs").mkdir()
    # `build` is a folder of the repository, wherever in it the definition is.
    (home / "adhoc.yaml").write_text(definition.replace("build: web", f"build: {pathlib.PurePath(folder) / 'web'}"))
    (home / "web" / "Containerfile").write_text(
        f"FROM {IMAGE}nginx:1.22\nARG VERSION\nRUN echo \"shop $VERSION\" >/usr/share/nginx/html/index.html\n")
    git(directory, "init", "--quiet")
    git(directory, "add", ".")
    git(directory, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "Begin")
    for tag in ("v1", "v2"):
        git(directory, "tag", tag)
    return home


def git(directory, *arguments):
    subprocess.run(["git", "-C", directory, *arguments], check=True, capture_output=True)


def init(program, home, *options, check=True):
    return subprocess.run([program, "ci", "init", "--action", ACTION, *options], cwd=home, check=check, capture_output=True, text=True)


def compare_with_golden(directory, name):
    made = {path.name: path.read_text() for path in directory.iterdir()}
    golden = GOLDEN / name
    if os.environ.get("ADHOC_ACCEPT"):
        shutil.rmtree(golden, ignore_errors=True)
        shutil.copytree(directory, golden)
        pytest.skip(f"accepted as {golden.relative_to(ROOT)}")
    assert made == {path.name: path.read_text() for path in golden.iterdir()}, "if it is meant: ADHOC_ACCEPT=1 pytest …"


@pytest.mark.parametrize("case, definition, folder, options", [
    ("oidc", DEFINITION, ".", []),
    ("stored-keys-two-targets", DEFINITION + TWO_TARGETS, "apps/shop", ["--stored-keys"]),
    ("oidc-two-targets", DEFINITION + TWO_TARGETS, ".", []),
])
def test_files_are_the_golden_ones(program, tmp_path, case, definition, folder, options):
    home = make_project(tmp_path, definition, folder)
    init(program, home, *options)
    compare_with_golden(tmp_path / ".github" / "workflows", case)


def test_it_is_said_that_only_workflows_of_the_default_branch_can_be_dispatched(program, tmp_path):
    assert "default branch" in init(program, make_project(tmp_path)).stderr


def test_only_files_of_its_own_are_overwritten(program, tmp_path):
    home = make_project(tmp_path)
    init(program, home)
    workflows = tmp_path / ".github" / "workflows"
    mine = workflows / "ad_hoc_env_destroy.yml"
    mine.write_text(mine.read_text() + "# changed\n")
    init(program, home)
    assert "# changed" not in mine.read_text()
    mine.write_text("name: my own\n")
    refused = init(program, home, check=False)
    assert refused.returncode == 1 and "was not written by adhoc" in refused.stderr and "--force" in refused.stderr
    assert mine.read_text() == "name: my own\n"
    init(program, home, "--force")
    assert mine.read_text() != "name: my own\n"


def test_a_definition_without_an_account_is_told_so(program, tmp_path):
    home = make_project(tmp_path, re.sub(r"  dev: .*\n", "", DEFINITION))
    refused = init(program, home, check=False)
    assert refused.returncode == 1 and "no target that is an AWS account" in refused.stderr


@pytest.fixture(scope="session")
def workflow_parser(tmp_path_factory):
    folder = npm_packages(tmp_path_factory.mktemp("npm"), {"@actions/workflow-parser": "0.3.61"})

    def check(paths):
        result = subprocess.run(["node", ROOT / "tests" / "integration" / "check_workflows.mjs", *paths], cwd=folder,
                                capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return check


def test_githubs_parser_has_nothing_to_say(workflow_parser, tmp_path):
    for case in sorted(GOLDEN.iterdir()):
        report = workflow_parser([*sorted(case.iterdir()), ROOT / "action.yml"])
        jobs = {name: found for name, found in report.items() if name != "action.yml"}
        assert len(jobs) == len(list(case.iterdir()))
        for name, found in report.items():
            assert found["errors"] == [], (case.name, name)
        assert all(found["jobs"] == 1 for found in jobs.values()), report


def test_the_parser_would_say_something(workflow_parser, tmp_path):
    text = (GOLDEN / "oidc" / "ad_hoc_env_destroy.yml").read_text()
    (tmp_path / "a.yml").write_text(text.replace("inputs.environment }}", "inputs.environment"))
    (tmp_path / "b.yml").write_text(text.replace("runs-on:", "run-on:"))
    report = workflow_parser([tmp_path / "a.yml", tmp_path / "b.yml"])
    assert report["a.yml"]["errors"] and report["b.yml"]["errors"]


def files_of(case):
    return [yaml.safe_load(path.read_text()) for path in sorted((GOLDEN / case).iterdir())]


def test_inputs_never_become_text_of_a_script():
    for case in GOLDEN.iterdir():
        for workflow in files_of(case.name):
            for job in workflow["jobs"].values():
                assert set(job["permissions"]) <= {"contents", "id-token"} and job["permissions"]["contents"] == "read"
                assert all("${{" not in step.get("run", "") for step in job["steps"])


def run_steps_of_the_action():
    return [step for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"] if "run" in step]


def test_the_action_gives_inputs_to_its_scripts_as_variables():
    """A composite action's inputs are no INPUT_* variables, its steps need a shell, and text put into a script is run."""
    steps = run_steps_of_the_action()
    assert steps
    for step in steps:
        assert step["shell"] == "bash", step
        assert "${{" not in step["run"] and "INPUT_" not in step["run"], step


def test_the_action_runs_one_argument_a_line(tmp_path):
    (tmp_path / "adhoc").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    (tmp_path / "adhoc").chmod(0o755)
    step = run_steps_of_the_action()[-1]
    assert list(step["env"]) == ["COMMAND"]

    def run(command):
        # As a runner does for `shell: bash`.
        return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, check=True,
                              capture_output=True, text=True,
                              env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "COMMAND": command}).stdout

    assert run("up\nalpha") == "<up><alpha>"
    assert run("run\nalpha\n--\nsh\n-c\necho $(id); \"two  words\"\n") == '<run><alpha><--><sh><-c><echo $(id); "two  words">'


class Repository:
    """A stand-in for GitHub: runs the `run:` steps of a workflow, with inputs, as a runner would."""

    def __init__(self, cloud, home, directory):
        self.cloud, self.home, self.directory = cloud, home, directory
        self.http_port = free_port()

    def dispatch(self, file, check=True, ref_name="", **inputs):
        workflow = yaml.safe_load((self.directory / ".github" / "workflows" / file).read_text())
        declared = workflow[True]["workflow_dispatch"]["inputs"]  # YAML 1.1 reads `on` as true
        assert set(inputs) <= set(declared), (file, inputs)
        context = {**{f"inputs.{name}": value for name, value in inputs.items()}, "github.ref_name": ref_name}
        ran = []
        for step in (step for job in workflow["jobs"].values() for step in job["steps"] if "run" in step):
            variables = {name: evaluate(value, context) for name, value in step.get("env", {}).items()}
            files = {name: self.directory / f".{name}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
            for path in files.values():
                path.write_text("")
            result = subprocess.run(
                ["sh", "-e", "-c", step["run"]], cwd=self.directory / step.get("working-directory", "."), capture_output=True,
                text=True, timeout=300,
                env={**self.cloud.environment, **variables, **{name: str(path) for name, path in files.items()},
                     "ADHOC_HTTP_PORT": str(self.http_port), "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(self.directory),
                     "PATH": f"{self.cloud.program.parent}:{os.environ['PATH']}"})
            assert not check or result.returncode == 0, (file, result.stdout, result.stderr)
            ran.append((result, files["GITHUB_OUTPUT"].read_text(), files["GITHUB_STEP_SUMMARY"].read_text()))
        assert len(ran) == 1, file
        return ran[0]

    def get(self, environment):
        import urllib.request
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/", headers={"Host": f"{environment}.localhost"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.read().decode().strip()


def evaluate(text, context):
    """`${{ inputs.a || 'b' }}`: the first of the alternatives that is something."""
    def value(match):
        for word in match[1].split("||"):
            found = word.strip()[1:-1] if word.strip().startswith("'") else context.get(word.strip(), "")
            if found:
                return found
        return ""
    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))


@pytest.fixture
def repository(program, tmp_path):
    """The workflows of an application in a folder of its repository, run on the local cloud: the input says `target: local`."""
    home = make_project(tmp_path, folder="apps/shop")
    init(program, home)
    cloud = LocalCloud(program)
    try:
        cloud.start().wait_for_engine()
        yield Repository(cloud, home, tmp_path)
    finally:
        cloud.remove()


def test_the_steps_carry_an_environment_through_its_life(repository):
    on = {"target": "local"}
    repository.dispatch("ecr_web.yml", tag="v1", **on)
    repository.dispatch("ecr_web.yml", tag="", ref_name="v2", **on)  # as when the tag is pushed

    _, _, summary = repository.dispatch("shared_resources_create_update.yml", **on)
    assert summary.startswith("### Shared resources dev are ready")

    # The variables' file is missing: it fails, says so in the log, at the pull request's side and on the page.
    failed, _, summary = repository.dispatch("ad_hoc_env_create_update.yml", check=False, environment="brian", **on)
    assert failed.returncode == 1 and "::error" in failed.stderr and "envs/brian.tfvars" in failed.stderr
    assert summary.startswith("### Failed") and "envs/brian.tfvars" in summary

    (repository.home / "envs" / "brian.tfvars").write_text('tag = "v1"\n')
    _, output, summary = repository.dispatch("ad_hoc_env_create_update.yml", environment="brian", **on)
    url = f"http://brian.localhost:{repository.http_port}"
    assert output == f"url={url}\n"
    assert f"<{url}>" in summary and "| web | `v1` |" in summary and "adhoc logs brian -f" in summary
    assert repository.get("brian") == "shop v1"

    _, output, summary = repository.dispatch("ad_hoc_web_update.yml", environment="brian", tag="v2", **on)
    assert output == f"url={url}\n" and "### brian runs web v2" in summary and "| web | `v2` |" in summary
    assert repository.get("brian") == "shop v2"

    # A tag that is no image, and is no shell either.
    failed, _, _ = repository.dispatch("ad_hoc_web_update.yml", check=False, environment="brian", tag="v3$(touch owned)", **on)
    assert failed.returncode != 0 and "::error title=adhoc::" in failed.stderr and not list(repository.directory.rglob("owned"))

    _, _, summary = repository.dispatch("ad_hoc_env_destroy.yml", environment="brian", **on)
    assert summary == "### brian is gone\n"
    _, _, summary = repository.dispatch("shared_resources_destroy.yml", **on)
    assert summary == "### Shared resources dev are gone\n"
