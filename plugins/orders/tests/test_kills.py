"""TRUST D1, X3, X4: a server is killed while orders are written, and while many are made."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import time
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.killing import READY_SECONDS, postmaster, sign_in, writing
from tests.sites import EMAIL, Serving, add_administrator, crmkit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.killing import Writer

pytestmark = pytest.mark.long
#: Kills, of which each fourth hits PostgreSQL, and people who write meanwhile.
KILLS, WRITERS = 100, 32
_TRIES = 400


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with an administrator and orders on."""
    add_administrator(tmp_path)
    crmkit(tmp_path, "plugin", "enable", "orders")
    return tmp_path


def _rows(site: Path, entity: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(crmkit(site, "export", entity, "--machine"))))


class _Shop:
    """Orders by the API, each of one line and confirmed; a write is repeated until it is answered.

    So whatever is cut off, each key has one effect.
    """

    def __init__(self, site: Path, server: Serving) -> None:
        self.base = server.base
        self._secret = crmkit(site, "token", "create", EMAIL, "--name", "Shop").strip()
        self.replayed = self.repeated = 0
        self.seconds = list[float]()
        with self.connect() as client:
            made = self.send(client, "crm.company", "company", name="Kan-code")
            self._company = made.json()["id"]
            made = self.send(
                client, "orders.product", "product", name="GTX Pro", price="48.215", tax_rate="19",
                currency="EUR",
            )  # fmt: skip
            self._product = made.json()["id"]

    def connect(self) -> httpx.Client:
        """Answer a client with a token."""
        headers = {"Authorization": f"Bearer {self._secret}"}
        return httpx.Client(base_url=f"{self.base}/api/v1/", timeout=20, headers=headers)

    def send(self, client: httpx.Client, path: str, key: str, **values: object) -> httpx.Response:
        """Send a write with its key until it is answered: cut off, 409 and 503 mean "again"."""
        for attempt in range(_TRIES):
            begin = time.monotonic()
            try:
                answer = client.post(path, json=values, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                time.sleep(0.1)
                continue
            finally:
                self.repeated += attempt > 0
            if answer.status_code not in {409, 500, 503}:
                self.seconds.append(time.monotonic() - begin)
                self.replayed += "idempotency-replayed" in answer.headers
                return answer
            assert answer.status_code != 500, answer.text
            time.sleep(0.05)
        raise AssertionError(f"{key}: no answer")

    def order(self, client: httpx.Client, name: str) -> tuple[int, str | None]:
        """Make an order and confirm it; each tenth is given up after it drew its number."""
        key = name.replace(" ", "-")
        company = 999_999 if name.endswith("7") else self._company
        values = {"company": company, "currency": "EUR", "client_number": name}
        made = self.send(client, "orders.order", key, **values)
        if made.status_code != 201:
            return made.status_code, None
        number, order = made.json()["number"], made.json()["id"]
        line = {"order": order, "product": self._product, "quantity": "2"}
        assert 201 == self.send(client, "orders.order_line", f"{key}-line", **line).status_code
        done = self.send(client, f"orders.order/{order}/actions/confirm", f"{key}-confirm")
        return done.status_code, f"{name} {number}"


def _check(site: Path, writers: Sequence[Writer]) -> Counter[str]:
    """What was acknowledged is there once and whole, and no number is there twice."""
    orders = _rows(site, "orders.order")
    lines = Counter(row["order"] for row in _rows(site, "orders.order_line"))
    steps = Counter(row["order"] for row in _rows(site, "orders.step"))
    told = {each for writer in writers for each in writer.acknowledged}
    stored = [f"{row['client_number']} {row['number']}" for row in orders]
    assert told == set(stored)
    assert len(orders) == len(told) == len({row["number"] for row in orders})
    assert {"confirmed"} == {row["state"] for row in orders}
    assert {Decimal("114.75")} == {Decimal(row["gross"]) for row in orders}
    assert {1} == set(lines.values())
    assert {3} == set(steps.values())
    assert len(orders) == len(lines) == len(steps)
    return Counter(row["state"] for row in orders)


def test_orders_outlive_killed_servers_once_and_with_numbers_of_their_own(site: Path) -> None:
    ready: list[float] = []
    with Serving(site) as server:
        server.wait(120)
        shop = _Shop(site, server)
        with writing(WRITERS, shop.connect, shop.order) as writers:
            for kill in range(KILLS):
                time.sleep(0.7)
                if kill % 4 == 3:
                    os.kill(postmaster(site), signal.SIGKILL)
                    time.sleep(0.2)
                else:
                    server.kill()
                    server.begin()
                ready.append(server.wait(120))
        assert 0 == server.stop()
    statuses: Counter[int] = sum((writer.statuses for writer in writers), Counter())
    found = _check(site, writers)
    slow = sorted(shop.seconds)[len(shop.seconds) * 95 // 100]
    print(  # noqa: T201 - the figures
        f"kills {KILLS}, longest until ready {max(ready):.1f} s, orders {found}, answers "
        f"{statuses}, repeated {shop.repeated}, replayed {shop.replayed}, p95 {slow:.2f} s"
    )
    assert {200, 422} >= set(statuses)
    assert READY_SECONDS > max(ready)


def _cells(client: httpx.Client, run: str) -> str:
    """Wait until a run has ended, and answer its page."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        page = client.get(run).text
        if 'id="progress"' not in page:
            return page
        time.sleep(0.1)
    raise AssertionError("The run does not end.")


def test_a_conversion_of_many_that_is_killed_made_all_or_none(site: Path, tmp_path: Path) -> None:
    many, kills = 300, 12
    table = tmp_path / "won.csv"
    rows = "".join(f"Deal {n},won,100,EUR,2026-05-04\n" for n in range(many))
    table.write_text(f"name,stage,amount,currency,close_date\n{rows}")
    crmkit(site, "import", "crm.opportunity", str(table))
    assert many == len(_rows(site, "crm.opportunity"))
    form: dict[str, Any] = {"action": "do-make-order", "all": "1"}
    outcomes = Counter[int]()
    with Serving(site) as server:
        server.wait(120)
        for kill in range(kills):
            with sign_in(server.base) as client:
                run = client.post("/crm.opportunity/bulk", data=form).headers["location"]
                assert re.fullmatch(r"/runs/\d+", run)
                time.sleep(0.05 + 0.15 * kill)
                server.kill()
            server.begin()
            server.wait(120)
            made = len(_rows(site, "orders.order"))
            outcomes[made] += 1
            assert made in {0, many}
        with sign_in(server.base) as client:
            _cells(client, client.post("/crm.opportunity/bulk", data=form).headers["location"])
        assert 0 == server.stop()
    orders = _rows(site, "orders.order")
    assert many == len(orders) == len({row["opportunity"] for row in orders})
    print(f"after a kill: {outcomes}")  # noqa: T201 - the figures
