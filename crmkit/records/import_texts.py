"""What the texts of a file mean: each distinct one is parsed once, for all rows it stands in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidError
from crmkit.records.import_plan import ColumnReport, closest
from crmkit.records.import_values import date_order, find_references, make_parser
from crmkit.records.journal import open_operation
from crmkit.records.save import create_record
from crmkit.records.values import ValueProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_plan import ImportPlan

_NAMED = 50


class Texts:
    """The texts of a file and what each means in its field.

    Attributes:
        parsed: Column to text to its value, or to the `ValueProblem` it has.
        misspelt: Field to text of a choice to the close spelling it was read as.
        constants: Field to its value in all rows.
        only_if: State to the values of rows that come to it, by field.
        operation: Under which records were created that only a text names; 0 without any.
    """

    def __init__(self, ctx: Context, plan: EntityPlan, file: CsvFile, wanted: ImportPlan) -> None:
        self._ctx, self._plan, self._file, self._wanted = ctx, plan, file, wanted
        self.parsed: dict[str, dict[str, Any]] = {}
        self.misspelt: dict[str, dict[str, str]] = {}
        self.constants: dict[str, Any] = {}
        self.only_if: dict[str, dict[str, Any]] = {}
        self.operation = 0
        self._made: dict[str, set[str]] = {}
        self._orders: dict[str, str] = {}

    async def read(self) -> None:
        """Parse each distinct text once, and what is to stand in all rows.

        Raises:
            InvalidError: What is to stand in all rows is no value of its field.
        """
        wanted = self._wanted
        self._find_orders()
        for column, name in wanted.map.items():
            self.parsed[column] = await self._parse(name, self._file.values(column))
        for name, text in wanted.constants.items():
            self.constants[name] = await self._constant(name, text)
        for state, constants in wanted.only_if.items():
            self.only_if[state] = {
                name: await self._constant(name, text) for name, text in constants.items()
            }

    def _field(self, name: str) -> Field:
        return self._plan.fields[name]

    def _find_orders(self) -> None:
        """Find the order of day and month, from all dates of the file together."""
        dates = [c for c, name in self._wanted.map.items() if self._field(name).kind == "date"]
        texts = [text for column in dates for text in self._file.values(column)]
        order = date_order(texts, self._wanted.dates)
        self._orders = dict.fromkeys(dates, order)

    async def _constant(self, name: str, text: str) -> Any:  # noqa: ANN401
        value = (await self._parse(name, [text]))[text]
        if isinstance(value, ValueProblem):
            field = self._field(name)
            raise InvalidError(
                f"`{text}` cannot be the value of {field.label} for all rows.", {name: str(value)}
            )
        return value

    async def _parse(self, name: str, texts: Sequence[str]) -> dict[str, Any]:
        field = self._field(name)
        aliases = self._wanted.aliases.get(name, {})
        distinct = dict.fromkeys(texts)
        if field.kind == "reference":
            return await self._parse_names(field, distinct, aliases)
        order = next(iter(self._orders.values()), "") or self._wanted.dates
        parse = make_parser(self._ctx, field, distinct, order)
        values: dict[str, Any] = {}
        known = {choice.label.lower(): choice.label for choice in field.choices}
        stored = {choice.value.lower() for choice in field.choices}
        for text in distinct:
            meant_text = aliases.get(text)
            if not meant_text:
                meant_text = self._read_as(name, text, known, stored) if known else text
            try:
                values[text] = parse(meant_text)
            except ValueProblem as problem:
                values[text] = problem
        return values

    async def _parse_names(
        self, field: Field, distinct: dict[str, None], aliases: dict[str, str]
    ) -> dict[str, Any]:
        prefix = self._wanted.prefixes.get(field.name, "")
        meant = {
            text: prefix + aliases.get(text, text).strip() if text.strip() else ""
            for text in distinct
        }
        found = await find_references(self._ctx, field, meant.values())
        ids: dict[str, Any] = {"": None, **found.ids}
        for name in dict.fromkeys(meant.values()):
            if name not in ids:
                ids[name] = ValueProblem(
                    "names more than one record; write which one"
                    if name in found.several
                    else "names no record that is known"
                )
        unknown = self._wanted.unknown.get(field.name, "refuse")
        if unknown != "refuse" and field.reference != self._plan.name:
            for name in [name for name, value in ids.items() if isinstance(value, ValueProblem)]:
                if unknown == "empty":
                    ids[name] = None
                elif name not in found.several:
                    ids[name] = await self._create_named(field, name)
                    self._made.setdefault(field.name, set()).update(
                        text for text, title in meant.items() if title == name
                    )
        return {text: ids[name] for text, name in meant.items()}

    async def _create_named(self, field: Field, title: str) -> int:
        """Create a record that only a text of the file names; undone with the import."""
        ctx, target = self._ctx, self._ctx.site.entity(field.reference)
        operation = self.operation or await open_operation(ctx, "import", self._plan.label)
        self.operation = operation
        return await create_record(
            ctx.within(operation, "import"), target, {target.title: title[:200]}
        )

    def _read_as(self, name: str, text: str, known: dict[str, str], stored: set[str]) -> str:
        """Answer what a text of a choice means; a close spelling is noted in the report.

        Args:
            known: Folded label to label of each choice; `stored` are their folded values.
        """
        folded = text.strip().lower()
        if not folded or folded in known or folded in stored:
            return text
        if name in self._wanted.exact:
            return text
        meant = closest(text, known)
        if meant is not None:
            self.misspelt.setdefault(name, {})[text] = meant
        return meant or text

    def columns(self) -> dict[str, ColumnReport]:
        """Answer what came of each column, with the texts that mean nothing."""
        found = {}
        for column, name in self._wanted.map.items():
            rows = Counter(self._file.values(column))
            parsed, misspelt = self.parsed[column], self.misspelt.get(name, {})
            failed = {t: n for t, n in rows.items() if isinstance(parsed[t], ValueProblem)}
            missing = {t: n for t, n in rows.items() if t.strip() and parsed[t] in (None, "")}
            named = self._field(name).kind in {"reference", "choice"}
            found[column] = ColumnReport(
                name,
                sum(1 for text in rows if text.strip()),
                sum(number for text, number in rows.items() if not text.strip()),
                sum(failed.values()),
                len(failed | missing) if named else 0,
                dict(Counter(failed | missing).most_common(_NAMED)) if named else {},
                {text: rows[text] for text in sorted(self._made.get(name, ()))},
                {text: (meant, rows[text]) for text, meant in misspelt.items() if text in rows},
                self._orders.get(column, ""),
            )
        return found
