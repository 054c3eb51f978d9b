"""Documents: made of a template and values by typst, and kept as they were made."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from crmkit.errors import CrmkitError, NotFoundError
from crmkit.model.values import N_
from crmkit.plugin.documents import order_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    import typst

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.model.document import DocumentTemplate
    from crmkit.model.site import SiteLike

_PACKAGES = Path(__file__).parent / "typst"
#: The built fonts lie among the files that browsers get.
_FONTS = Path(__file__).parents[1] / "web" / "static" / "vendor"
_MOST = 50
_LONGEST_ERROR = 500
#: A package that typst would fetch; the one of crmkit comes with it.
_FOREIGN = re.compile(r'"@(?!crmkit/)[^"]*"')
_PLACE = re.compile(r"┌─ (.*?):(\d+):\d+")
_Read = TypeVar("_Read")
# A compiler is used by one thread at a time.
_lock = threading.Lock()


class DocumentError(CrmkitError):
    """A template cannot be typeset; names file and line."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document of a record, without its bytes.

    Attributes:
        name: Whole name of its template.
        label: English, as the template was called.
        state: ordered, made or failed.
        digest: SHA-256 of its bytes, in hexadecimal.
        made_by: Name of who asked for it, "" for the system.
    """

    id: int
    name: str
    label: str
    entity: str
    record: int
    language: str
    state: str
    error: str
    digest: str
    size: int
    ordered_at: datetime
    made_at: datetime | None
    made_by: str


_COLUMNS = (
    "d.id, d.name, d.label, d.entity, d.record, d.language, d.state, d.error, d.digest, d.size, "
    "d.ordered_at, d.made_at, coalesce(u.name, '') AS made_by"
)
_FROM = "FROM core_document d LEFT JOIN core_user u ON u.id = d.made_by"


async def list_documents(ctx: Context, entity: str, ids: Sequence[int]) -> list[Document]:
    """Answer the documents of a record, the latest first; the caller may read the record.

    Args:
        ids: The record, and those that were merged into it.
    """
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} {_FROM} WHERE d.entity = $1 AND d.record = ANY($2::bigint[]) "
        "ORDER BY d.id DESC LIMIT $3",
        entity, list(ids), _MOST,
    )  # fmt: skip
    return [Document(**dict(row)) for row in rows]


async def get_document(ctx: Context, number: int) -> Document:
    """Answer a document; whether the reader may see its record is for the caller to ask.

    Raises:
        NotFoundError: There is none.
    """
    row = await ctx.db.row(
        f"SELECT {_COLUMNS} {_FROM} WHERE d.id = $1",
        number if abs(number) < 2**63 else 0,
    )
    if row is None:
        raise NotFoundError(ctx.translate(N_("There is no such document.")))
    return Document(**dict(row))


async def read_content(ctx: Context, number: int) -> bytes:
    """Answer the bytes of a document that was made.

    Raises:
        NotFoundError: It was not made yet.
    """
    content: bytes | None = await ctx.db.value(
        "SELECT content FROM core_document WHERE id = $1", number
    )
    if content is None:
        raise NotFoundError(ctx.translate(N_("This document is not made yet.")))
    return content


async def current_document(
    ctx: Context, name: str, record_id: int, changed_at: datetime
) -> bytes | None:
    """Answer a document made since its record changed; else order it once and answer None.

    For a page without login, whose caller made sure that the reader may have it: a job makes it
    meanwhile, and the page asks again.

    Args:
        name: Whole name of the template, such as "orders.quotation".
        changed_at: When the record changed last, in UTC.

    Raises:
        NotFoundError: No plugin that is on declares it.
        DocumentError: It could not be made.
    """
    template, _folder = find_template(ctx.site, name)
    async with ctx.db.transaction():
        # Of several that ask at once, one orders it.
        await ctx.db.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", f"document {name}", record_id
        )
        row = await ctx.db.row(
            "SELECT id, state, content FROM core_document WHERE name = $1 AND entity = $2 "
            "AND record = $3 AND ordered_at >= $4 ORDER BY id DESC LIMIT 1",
            name, template.entity, record_id, changed_at,
        )  # fmt: skip
        if row is None:
            await order_document(ctx, name, template, record_id)
            return None
    if row["state"] == "failed":
        raise DocumentError(ctx.translate(N_("This document could not be made.")))
    content: bytes | None = row["content"]
    return content


async def apart(ctx: Context, reading: Awaitable[_Read]) -> _Read:
    """Answer what a plugin reads, in a savepoint: its failure leaves a row that can be written."""
    async with ctx.db.transaction():
        return await reading


async def keep(ctx: Context, number: int, language: str, content: bytes) -> None:
    """Keep what was made."""
    await ctx.db.execute(
        "UPDATE core_document SET state = 'made', error = '', language = $2, content = $3, "
        "size = $4, digest = $5, made_at = $6 WHERE id = $1",
        number, language, content, len(content), hashlib.sha256(content).hexdigest(), ctx.now(),
    )  # fmt: skip


async def note_failure(ctx: Context, number: int, reason: str) -> None:
    """Note why a document was not made; it is not tried again by itself."""
    await ctx.db.execute(
        "UPDATE core_document SET state = 'failed', error = $2 WHERE id = $1",
        number, reason.replace("\x00", "")[:_LONGEST_ERROR],
    )  # fmt: skip


async def remove_documents(ctx: Context, entity: str, ids: Sequence[int]) -> None:
    """Remove the documents of records for good: when a person they name is erased."""
    await ctx.db.execute(
        "DELETE FROM core_document WHERE entity = $1 AND record = ANY($2::bigint[])",
        entity, list(ids),
    )  # fmt: skip


async def remove_documents_of(db: Database, plugin: str) -> None:
    """Remove the documents of a plugin that is purged, and of its records."""
    await db.execute(
        "DELETE FROM core_document WHERE starts_with(name, $1) OR starts_with(entity, $1)",
        f"{plugin}.",
    )


def find_template(site: SiteLike, name: str) -> tuple[DocumentTemplate, Path]:
    """Answer a template by its whole name, and the folder its file lies in.

    Raises:
        NotFoundError: No plugin that is on declares it.
    """
    plugin, _dot, own = name.partition(".")
    for owner, template in site.contributions["documents"]:
        info = site.plugins.get(owner)
        if (owner, template.name) == (plugin, own) and info is not None and info.folder:
            return template, Path(info.folder) / "documents"
    raise NotFoundError(f"There is no document `{name}`; its plugin declares it in `documents`.")


def typeset(folder: Path, template: str, data: Mapping[str, Any], at: datetime) -> bytes:
    """Answer the PDF of a template; takes milliseconds, so not on the loop.

    No network, no file outside of the folder, no fonts of the machine. `data` comes in as JSON,
    and a text of it is printed as it is, whatever it looks like.

    Raises:
        DocumentError: The template is not there, or cannot be typeset; names file and line.
    """
    path = folder / template
    if not path.is_file():
        raise DocumentError(f"{folder.parent.name}/documents/{template}: there is no such file.")
    _check_imports(folder)
    import typst  # noqa: PLC0415 - 80 MB that only a worker needs

    given = {"data": json.dumps(data, ensure_ascii=False)}
    try:
        with _lock:
            made = _compiler(str(folder)).compile(
                input=str(path), format="pdf", sys_inputs=given, timestamp=int(at.timestamp())
            )
    except typst.TypstError as error:
        raise DocumentError(_told(folder, template, error)) from error
    if not isinstance(made, bytes):
        raise DocumentError(f"{template}: nothing was made of it.")
    return made


@lru_cache(maxsize=16)
def _compiler(folder: str) -> typst.Compiler:
    import typst  # noqa: PLC0415 - as above

    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(_FONTS)])
    return typst.Compiler(
        root=folder,
        font_paths=fonts,
        ignore_system_fonts=True,
        package_path=str(_PACKAGES),
        package_cache_path=str(_PACKAGES),
    )


def _check_imports(folder: Path) -> None:
    """Refuse packages from elsewhere: they would be fetched while a document is made."""
    for path in sorted(folder.rglob("*.typ")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = _FOREIGN.search(line)
            if found and not line.lstrip().startswith("//"):
                raise DocumentError(
                    f"{folder.parent.name}/documents/{path.relative_to(folder)}, line {number}: "
                    f"{found[0]} would be fetched from the network. Copy it into `documents/`."
                )


def _told(folder: Path, template: str, error: typst.TypstError) -> str:
    """Answer file, line and reason; of an error within the package, where it was called from."""
    place = _PLACE.search(error.diagnostic)
    name, line = (place[1].rpartition("/")[2], place[2]) if place else (template, "1")
    hint = f" ({error.hints[0]})" if error.hints else ""
    return f"{folder.parent.name}/documents/{name}, line {line}: {error.message}{hint}"
