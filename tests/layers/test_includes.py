"""The arrows between the folders of src/ are those of the table in docs/architecture.md, and no others."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
# Not folders of the architecture: the program, and the language's or Debian's headers.
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def allowed_arrows(text):
    """{"env": ["base", "graph", …]} from the table of layers; `aws/{model,codec}` gives aws/model and aws/codec."""
    table = text.split("\n## Layers\n", 1)[1].split("\n## ", 1)[0]
    arrows = {}
    for row in re.finditer(r"^\| `(\w+)/` \|[^|]*\| ([^|]*) \|$", table, re.MULTILINE):
        words = re.sub(r"(\w+)/\{([^}]*)\}", lambda m: ", ".join(f"{m[1]}/{part}" for part in m[2].split(",")), row[2])
        arrows[row[1]] = [word.strip() for word in words.split(",")]
    return arrows


ARROWS = allowed_arrows((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))


def wrong_includes(path, text, arrows):
    layer = path.split("/")[0]
    wrong = []
    for included in INCLUDE.findall(text):
        target = included.split("/")[0]
        if target == layer or "everything" in arrows[layer]:
            continue
        if not any(included.startswith(f"{allowed}/") for allowed in arrows[layer]):
            wrong.append(f"src/{path} includes {included}; {layer}/ may include {', '.join(arrows[layer])}")
    return wrong


def sources():
    found = [path for suffix in ("*.h", "*.cc") for path in SRC.rglob(suffix) if path.parent != SRC]
    return {path.relative_to(SRC).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_every_folder_is_in_the_table():
    folders = {path.name for path in SRC.iterdir() if path.is_dir()}
    assert folders == set(ARROWS)


def test_includes_go_the_way_of_the_table():
    files = sources()
    assert len(files) > 50
    wrong = []
    for path, text in files.items():
        # A test may use the fakes, and nothing else that its layer may not.
        arrows = ARROWS
        if path.endswith(("_test.cc", "_test.h")):
            arrows = {layer: [*targets, "testing"] for layer, targets in ARROWS.items()}
        wrong += wrong_includes(path, text, arrows)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path, include, is_wrong", [
    ("env/plan.cc", "localcloud/cloud.h", True),
    ("localcloud/gateway.cc", "env/plan.h", True),
    ("localcloud/gateway.cc", "aws/client/client.h", True),
    ("localcloud/gateway.cc", "aws/codec/codec.h", False),
    ("base/error.cc", "net/http.h", True),
    ("base/error.cc", "base/error.h", False),
    ("cli/up.cc", "localcloud/server.h", False),
])
def test_the_check_itself(path, include, is_wrong):
    assert bool(wrong_includes(path, f'#include "{include}"\n', ARROWS)) == is_wrong
