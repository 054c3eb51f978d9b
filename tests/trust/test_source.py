"""TRUST S3: what our own source may not contain, read from its syntax tree."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import crmkit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(crmkit.__file__).parent
_SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP) ", re.IGNORECASE)
#: Attributes and calls whose text is checked when the Site is built, or is SQL of our own.
_CHECKED = re.compile(
    r"tablename|\btable\b|_table|\bname\b|names|marks|sets|columns|where|joins?\b|order|key\b|text|"
    r"inner|title|summed|sql|expression|limit|MOST|_TITLE|parts|cast|schema|rule|alias|int\(|"
    r"done|column|value|pattern|other|each|target|unions?|kind|where|select",
    re.IGNORECASE,
)
#: What came from outside must never stand in the text of a statement.
_OUTSIDE = re.compile(r"request|form\b|query_params|\braw\b|search\b(?!_)|\btoken\b|typed|user_id")


def modules() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted(ROOT.rglob("*.py"))]


def findings(check: Callable[[ast.AST], bool], text: str | None = None) -> Iterator[str]:
    trees = modules() if text is None else [(ROOT / "planted.py", ast.parse(text))]
    for path, tree in trees:
        for node in ast.walk(tree):
            if check(node):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def outside_in_sql(node: ast.AST) -> bool:
    if not isinstance(node, ast.JoinedStr):
        return False
    text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    if not _SQL.match(text):
        return False
    inserted = [ast.unparse(p.value) for p in node.values if isinstance(p, ast.FormattedValue)]
    return any(_OUTSIDE.search(each) or not _CHECKED.search(each) for each in inserted)


def naive_datetime(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr in {"utcnow", "utcfromtimestamp", "today"}:
        return True
    named = ast.unparse(node.func.value) in {"datetime", "datetime.datetime"}
    return named and node.func.attr in {"now", "fromtimestamp"} and not (node.args or node.keywords)


def float_of_money(node: ast.AST) -> bool:
    call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    if not call or ast.unparse(node.func) != "float":  # type: ignore[attr-defined]
        return False
    sent = ast.unparse(node)
    return re.search(r"amount|money|price|total|sum|revenue", sent) is not None


def dangerous_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    shell = any(keyword.arg == "shell" for keyword in node.keywords)
    return shell or name in {
        "eval",
        "exec",
        "os.system",
        "pickle.loads",
        "yaml.load",
        "marshal.loads",
    }


def untrusted_markup(node: ast.AST) -> bool:
    """`Markup(x)` of anything but a literal; `.format` of one escapes what it inserts."""
    if not (
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"Markup", "markupsafe.Markup"}
    ):
        return False
    return bool(node.args) and not isinstance(node.args[0], ast.Constant)


_PLANTED = {
    outside_in_sql: 'f"SELECT * FROM x WHERE a = {request.query_params}"',
    naive_datetime: "datetime.now()",
    float_of_money: "float(row['amount'])",
    dangerous_call: "subprocess.run(line, shell=True)",
    untrusted_markup: "Markup(name)",
}


@pytest.mark.parametrize("check", _PLANTED, ids=lambda check: check.__name__)
def test_a_planted_hole_is_found(check: Callable[[ast.AST], bool]) -> None:
    assert ["planted.py:1"] == list(findings(check, _PLANTED[check]))


@pytest.mark.parametrize(
    "check",
    [naive_datetime, float_of_money, dangerous_call, outside_in_sql],
    ids=lambda check: check.__name__,
)
def test_the_source_has_none(check: Callable[[ast.AST], bool]) -> None:
    assert [] == list(findings(check))


def test_markup_is_made_of_our_own_text_only() -> None:
    places = {each.split(":")[0] for each in findings(untrusted_markup)}
    assert places <= {"web/assets.py", "web/views/pieces.py"}


def test_only_the_upper_layers_open_transactions() -> None:
    def opens(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "transaction"

    places = {each.split("/")[0] for each in findings(opens)}
    assert places <= {"db", "access", "records", "crm", "cli", "work", "model"}, places


def test_no_template_marks_text_as_safe() -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in ROOT.rglob("*.html")
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"\|\s*safe\b|autoescape false|\son\w+=\"|javascript:|hx-on|style=\"", line)
    ]
    assert [] == found
