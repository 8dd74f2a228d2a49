"""docs/aws-pitfalls.md names a test for each row; here each name is looked for."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "aws-pitfalls.md"


def rows():
    """(what happens, what is done, the names of tests) of each row of the tables."""
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| what happens"):
            fact, done, tests = (cell.strip() for cell in line.strip("|").split(" | "))
            yield fact, done, re.findall(r"`([^`]+)`", tests)


def known_tests():
    found = set()
    for path in (ROOT / "src").rglob("*_test.*"):
        found |= {f"{suite}.{name}" for suite, name in
                  re.findall(r"^(?:TYPED_)?TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.M)}
        for instance, suite in re.findall(r"INSTANTIATE_TEST_SUITE_P\(\s*(\w+),\s*(\w+)", path.read_text()):
            found |= {f"{instance}/{name}" for name in found if name.startswith(f"{suite}.")}
    for path in (ROOT / "tests").rglob("test_*.py"):
        found |= {f"{path.name}::{name}" for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}
    return found


def test_each_row_names_tests_that_exist():
    known = known_tests()
    assert len(known) > 1000
    named = list(rows())
    assert len(named) > 250
    assert [fact for fact, _, tests in named if not tests] == []
    assert [name for _, _, tests in named for name in tests if name not in known] == []
