"""TRUST F1: every operation of the document, with generated calls, answers as documented."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

if TYPE_CHECKING:
    import httpx

    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.api.conftest import Api, Make

#: Of schemathesis, whose own types have parameters that say nothing here.
Operation: TypeAlias = Any
Case: TypeAlias = Any
_EXAMPLES = {GenerationMode.POSITIVE: 12, GenerationMode.NEGATIVE: 6}
#: Who signs in is another test; a schema cannot say every rule of the records.
_EXCLUDED = [ignored_auth, positive_data_acceptance]


class _DoneError(Exception):
    """Ends an example and takes back what it wrote."""


def _take_back() -> None:
    raise _DoneError


def _cases(operation: Operation, mode: GenerationMode, *, fresh: bool) -> list[Case]:
    found: list[Case] = []

    @settings(
        max_examples=_EXAMPLES[mode] * (5 if fresh else 1),
        derandomize=not fresh,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def _aim(case: Case, record: int, other: int) -> None:
    """Send every second call to a record that is there, with its version, and another like it."""
    case.path_parameters["id"] = record
    if isinstance(case.body, dict) and "with" in case.body:
        case.body["with"] = other
        case.body.pop("version", None)
    if isinstance(case.body, dict) and case.method.upper() == "PATCH":
        case.body["version"] = 1
    if case.headers is not None:
        case.headers.pop("If-Match", None)


async def _send(client: httpx.AsyncClient, db: Database, case: Case) -> httpx.Response | None:
    """Send a call; None when what was generated for its query cannot stand in an address."""
    words = case.as_transport_kwargs(base_url="http://localhost")
    words = {name: value for name, value in words.items() if value is not None}
    words.pop("cookies", None)
    words["headers"] = {
        name: value
        for name, value in words["headers"].items()
        if name.lower() not in {"authorization", "cookie", "host"}
    }
    if isinstance(words.get("data"), bytes | str):
        words["content"] = words.pop("data")
    request = client.build_request(**words)
    # An object as a query value is written as its members: an empty one vanishes, and what is
    # sent then is another, correct call.
    if set(case.query or ()) - set(request.url.params):
        return None
    try:
        async with db.transaction():
            answer = await client.send(request)
            _take_back()
    except _DoneError:
        return answer
    raise AssertionError


# The same calls each time, so that nobody's commit fails by chance; others in the long run.
@pytest.mark.parametrize("fresh", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("role", ["administrator", pytest.param("seller", marks=pytest.mark.long)])
async def test_every_operation_answers_as_documented(
    api: Api, make: Make, db: Database, site: Site, role: str, *, fresh: bool
) -> None:
    client = await api(role)
    user = await db.value("SELECT max(id) FROM core_user")
    records = {
        name: await make(name, **{site.entity(name).title: "Sample"}, owner=user)
        for name in site.entities
        if name.startswith("crm.")
    }
    others = {
        name: await make(name, **{site.entity(name).title: "Sample"}, owner=user)
        for name in records
    }
    schema = schemathesis.openapi.from_dict((await client.get("/api/v1/openapi.json")).json())
    failures: dict[str, str] = {}
    seen: Counter[tuple[str, int]] = Counter()
    for result in schema.get_all_operations():
        operation: Operation = result.ok()  # type: ignore[union-attr]
        entity = operation.path.split("/")[3]
        if entity not in records:
            continue
        for mode in _EXAMPLES:
            for number, case in enumerate(_cases(operation, mode, fresh=fresh)):
                if mode is GenerationMode.POSITIVE and number % 2 and "{id}" in operation.path:
                    _aim(case, records[entity], others[entity])
                answer = await _send(client, db, case)
                if answer is None:
                    continue
                seen[operation.label, answer.status_code] += 1
                try:
                    case.validate_response(answer, excluded_checks=_EXCLUDED)
                except FailureGroup as error:
                    told = "; ".join(str(each)[:900] for each in error.exceptions)
                    failures.setdefault(operation.label + told[:40], f"{told}\n{answer.text[:200]}")
    assert [] == list(failures.items())
    succeeded = {label for label, status in seen if status < 300}
    # Deals that are made at random are not won, so no order comes of them.
    unmade = {"POST /api/v1/crm.opportunity/{id}/actions/make-order"}
    # Clients that are made at random have no address to send a page to.
    unmade |= {
        f"POST /api/v1/crm.{each}/{{id}}/actions/send-page" for each in ("company", "person")
    }
    assert set() == {label for label, _status in seen} - succeeded - unmade
    assert 600 < seen.total()
