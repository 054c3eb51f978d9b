from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .conftest import SERVE, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import NewProcess

ASK = SERVE.replace(
    "print(find_postmaster(server.cluster).pid, address.host, flush=True)\nsys.stdin.read()",
    """
import asyncio, asyncpg, json
async def ask():
    connection = await asyncpg.connect(address.dsn("crmkit_app"))
    row = await connection.fetchrow(
        "SELECT lower('ЖУК'), 'Жуков' ILIKE '%жУК%', cardinality(show_trgm('Жук')), "
        "similarity('Жуков', 'жуков')::float8, 'ЁЛКА' ~* 'ёлка', "
        "pg_encoding_to_char(encoding) || ' ' || datlocprovider::text "
        "|| ' ' || datlocale || ' ' || datctype "
        "FROM pg_database WHERE datname = 'crmkit'")
    print(json.dumps(list(row)), flush=True)
    await connection.close()
asyncio.run(ask())
""",
)


def test_cyrillic_search_under_lang_c(new_process: NewProcess, data: Path) -> None:
    """TRAPS E1: a container or service has no locale, Russian search must work all the same."""
    plain = {"LANG": "C", "LC_ALL": "C", "LC_CTYPE": "C", "LANGUAGE": ""}
    process = new_process(data, code=ASK, env=plain)
    lower, ilike, trigrams, alike, regex, locale = json.loads(first_line(process))
    process.communicate()

    assert "жук" == lower
    assert ilike
    assert 4 == trigrams
    assert 1.0 == alike
    assert regex
    assert "UTF8 b C.UTF-8 C.UTF-8" == locale
