"""TRUST F1: every operation of the document, with generated calls, answers as documented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

if TYPE_CHECKING:
    import httpx

    from crmkit.db.engine import Database
    from tests.api.conftest import Api, Make

_EXAMPLES = 30
#: Who signs in is another test; a schema cannot say all rules of the records.
_EXCLUDED = [ignored_auth, positive_data_acceptance]


class _DoneError(Exception):
    """Ends an example and takes back what it wrote."""


def _cases(operation: Any) -> list[Any]:
    found: list[Any] = []

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(case=operation.as_strategy())
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found


async def _send(client: httpx.AsyncClient, db: Database, case: Any) -> httpx.Response:
    words = case.as_transport_kwargs(base_url="http://localhost")
    words.pop("cookies", None)
    words = {name: value for name, value in words.items() if value is not None}
    words["headers"] = {
        name: value
        for name, value in words["headers"].items()
        if name.lower() not in {"authorization", "cookie"}
    }
    if "data" in words and isinstance(words["data"], (bytes, str)):
        words["content"] = words.pop("data")
    answer: httpx.Response | None = None
    try:
        async with db.transaction():
            request = client.build_request(**words)
            answer = await client.send(request)
            raise _DoneError
    except _DoneError:
        pass
    assert answer is not None
    return answer


@pytest.mark.parametrize("role", ["administrator", "seller"])
async def test_every_operation_answers_as_documented(
    api: Api, make: Make, db: Database, role: str
) -> None:
    client = await api(role)
    document = json.loads((await client.get("/api/v1/openapi.json")).content)
    schema = schemathesis.openapi.from_dict(document)
    failures: dict[str, str] = {}
    sent = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith("/api/v1/crm."):
            continue
        for case in _cases(operation):
            answer = await _send(client, db, case)
            sent += 1
            try:
                case.validate_response(answer, excluded_checks=_EXCLUDED)
            except FailureGroup as error:
                key = f"{operation.label} {type(error).__name__}"
                failures.setdefault(key, f"{'; '.join(str(e) for e in error.exceptions)[:1500]}\n{case.as_curl_command()[:800]}\n{answer.text[:300]}")
    print(sent)
    assert not failures, "\n\n".join(f"## {k}\n{v}" for k, v in failures.items())
