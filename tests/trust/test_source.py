"""TRUST S3, S5, F4, M8: what the source and the schema must not have."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import crmkit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.db.engine import Database
    from tests.web.conftest import Browse

_PACKAGE = Path(crmkit.__file__).parent
#: Writes of their own kind, none of a record, and imports, which are one transaction as a whole;
#: what tries plugins takes back what it did.
_MAY_OPEN = {
    "db", "records", "access", "work", "testing", "web/pages/people.py", "web/import_runs.py"
}  # fmt: skip


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        yield path.relative_to(_PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_transactions_are_opened_by_records_work_and_access_only() -> None:
    found = set()
    for name, tree in _sources():
        for call in _calls(tree):
            is_ours = isinstance(call.func, ast.Attribute) and call.func.attr == "transaction"
            if is_ours and name not in _MAY_OPEN and name.split("/")[0] not in _MAY_OPEN:
                found.add(name)
    assert {"cli/data.py", "cli/seeding.py", "cli/users.py", "plugin/dispatch.py"} >= found


def test_markup_is_made_of_literals_only() -> None:
    """Text of people is never declared safe: `Markup` takes a literal and escapes the rest."""
    for name, tree in _sources():
        for call in _calls(tree):
            # Icons are files of ours; `draw` answers what an escaping template made; texts of
            # templates are ours, and rows escape each value (test_rows_escape_what_people_wrote).
            is_markup = isinstance(call.func, ast.Name) and call.func.id == "Markup"
            ours = {"web/assets.py", "web/templating.py", "web/translate.py", "web/rows.py"}
            if is_markup and name == "web/message_html.py":
                # Mail of strangers, as `clean_message` answers it (tests/work/mail/test_cleaning).
                assert "clean.html" == ast.unparse(call.args[0])
            elif is_markup and name not in ours:
                assert isinstance(call.args[0], ast.Constant), f"{name}:{call.lineno}"


def test_templates_declare_nothing_safe() -> None:
    for path in (_PACKAGE / "web" / "templates").glob("*.html"):
        assert not re.search(r"\|\s*safe\b|autoescape false", path.read_text()), path.name


def test_no_eval_and_no_shell() -> None:
    names = {"eval", "exec", "compile", "__import__"}
    for name, tree in _sources():
        for call in _calls(tree):
            if isinstance(call.func, ast.Name):
                assert call.func.id not in names, f"{name}:{call.lineno}"
            shell = [k for k in call.keywords if k.arg == "shell"]
            assert not shell, f"{name}:{call.lineno}"


async def test_no_column_of_money_or_time_is_inexact(db: Database) -> None:
    """TRUST F4: no floating point anywhere, and every moment has its zone."""
    rows = await db.rows(
        "SELECT table_name, column_name, udt_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND udt_name IN ('float4', 'float8', 'money', 'timestamp')"
    )
    assert [] == [tuple(row) for row in rows]


async def test_every_column_of_records_that_refers_has_a_key(db: Database) -> None:
    """TRUST F4: nothing can point at a record that is gone."""
    rows = await db.rows(
        "SELECT c.table_name || '.' || c.column_name AS name FROM information_schema.columns c "
        "WHERE c.table_schema = 'public' AND c.column_name IN ('owner', 'team', 'created_by', "
        "'updated_by', 'user_id', 'company', 'person', 'opportunity', 'parent', 'referred_by') "
        "AND c.udt_name = 'int8' AND NOT EXISTS (SELECT 1 FROM pg_constraint k JOIN pg_attribute a "
        "ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] WHERE k.contype = 'f' "
        "AND k.conrelid = c.table_name::regclass AND a.attname = c.column_name)"
    )
    names = {row["name"] for row in rows}
    # Traces outlive the person they name.
    assert names <= {"core_journal.user_id", "core_operation.user_id", "core_stage_history.user_id"}


async def test_a_new_site_has_nobody_and_no_default_password(db: Database) -> None:
    """TRUST S5: who is first comes by the one-time link."""
    assert 0 == await db.value("SELECT count(*) FROM core_user")


async def test_nothing_of_the_workshop_is_served(browse: Browse) -> None:
    """TRUST S5: no debug page, listing, repository or settings over HTTP."""
    client = await browse("administrator")
    for path in ("/.git/config", "/static/", "/static/../crmkit.toml", "/crmkit.toml", "/debug",
                 "/static/%2e%2e/%2e%2e/crmkit.toml", "/var/postgres", "/metrics"):  # fmt: skip
        assert (await client.get(path)).status_code in {303, 404}, path
