"""The lock file of the packages: it has all of them, within their bounds, with hashes, and names no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ;[^\n]*?)? \\$", re.MULTILINE)


def required() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    words = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *(item for extra in extras for item in extra),
    ]
    requirements = [Requirement(word) for word in words]
    return [requirement for requirement in requirements if requirement.name != "3am"]


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_a_package_has_an_upper_bound_and_a_version_in_the_lock_within_it(requirement: Requirement) -> None:
    assert {bound.operator for bound in requirement.specifier} >= {">=", "<"}, f"{requirement} has no upper bound"
    versions = [
        match["version"] for match in PINNED.finditer(LOCK) if canonicalize_name(match["name"]) == requirement.name
    ]
    assert versions, f"{requirement.name} is not in .ci/requirements.txt: .ci/lock writes it"
    for version in versions:
        assert version in requirement.specifier, f"{requirement.name} {version}: .ci/lock writes the lock again"


def test_every_package_of_the_lock_has_hashes_and_no_index_is_named() -> None:
    entries = re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(PINNED.findall(LOCK))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert not re.search(r"://|--(?:extra-)?index|--find-links", LOCK)
