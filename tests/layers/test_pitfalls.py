"""docs/aws-pitfalls.md names a test for each row; here each name is looked for."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "aws-pitfalls.md"


def rows():
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if line.startswith("| ") and len(cells) == 3 and cells[0] != "| what happens":
            yield cells


def known_tests():
    found = set()
    for path in (ROOT / "src").rglob("*_test.*"):
        found |= {f"{suite}.{name}" for suite, name in
                  re.findall(r"^(?:TYPED_)?TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.M)}
        for instance, suite in re.findall(r"INSTANTIATE_TEST_SUITE_P\((\w+),\s*(\w+)", path.read_text()):
            found |= {f"{instance}/{name}" for name in found if name.startswith(f"{suite}.")}
    for path in (ROOT / "tests").rglob("test_*.py"):
        found |= {f"{path.name}::{name}" for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}
    return found


def test_each_row_names_a_test_that_exists():
    known = known_tests()
    assert len(known) > 1000
    missing = []
    count = 0
    for fact, _, tests in rows():
        names = re.findall(r"`([^`]+)`", tests)
        missing += [fact] if not names else [name for name in names if name not in known]
        count += 1
    assert missing == []
    assert count == sum(line.startswith("| ") for line in PAGE.read_text().splitlines()) - PAGE.read_text().count("| what happens")
    assert count > 250
