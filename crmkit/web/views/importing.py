"""The four steps of an import."""

from typing import Literal

from crmkit.web.views.form import FormGroup
from crmkit.web.views.pieces import EntityLink, FieldInput, Html, Link, Option, Pair, Tag, View


class ImportColumn(View, frozen=True, kw_only=True):
    """A column of the file and the field it becomes (select `map.<index>`)."""

    index: int
    name: str
    samples: str
    options: tuple[Option, ...]
    effect: Html = ""
    tone: str = ""  # ok, warn, bad, key


class ImportRow(View, frozen=True, kw_only=True):
    """A row of the preview."""

    number: str
    effect: Tag
    cells: tuple[str, ...]
    why: str = ""


class ImportCount(View, frozen=True, kw_only=True):
    """A line of "If you import now"; `share` in percent of all rows."""

    label: str
    count: str
    share: float
    tone: str = "ok"
    url: str | None = None


class Progress(View, frozen=True, kw_only=True):
    """A running job; `share` 0 to 100. `poll_url` answers the block `progress`."""

    label: str
    share: float
    text: str
    poll_url: str
    done: bool = False
    cancel_url: str | None = None
    next_url: str | None = None  # where to go once done


class ImportPage(View, frozen=True, kw_only=True):
    """The four steps of an import: file, match, run, result.

    Step file POSTs `file` (multipart) to `action_url`; step match POSTs `map.<index>` and
    the inputs of `options` with `run=1`, or `check=1` to look again.
    """

    entity: EntityLink
    step: Literal["file", "match", "run", "result"]
    action_url: str
    back_url: str | None = None
    file_text: str | None = None  # "sales_pipeline.csv, 8,800 rows, 599 KB"
    matched: str | None = None
    columns: tuple[ImportColumn, ...] = ()
    preview_head: tuple[str, ...] = ()
    preview: tuple[ImportRow, ...] = ()
    preview_segment: tuple[Link, ...] = ()
    counts: tuple[ImportCount, ...] = ()
    counts_note: str | None = None
    options: tuple[FormGroup, ...] = ()
    note: str | None = None
    submit: str | None = None
    submit_note: str | None = None
    progress: Progress | None = None
    result_title: str | None = None
    errors: tuple[str, ...] = ()
    error_file_url: str | None = None
    undo_url: str | None = None
    hidden: tuple[Pair, ...] = ()
    sample_url: str | None = None
    fields: tuple[FieldInput, ...] = ()  # of step file, e.g. the sheet
    done_url: str | None = None
    again_url: str | None = None  # to the matching of a run that failed
    refusals: tuple[ImportRow, ...] = ()  # cells are the column and its value
    recent: tuple[Link, ...] = ()  # of step file: today's imports, `help` is when


class RunPage(View, frozen=True, kw_only=True):
    """Work behind its page: how far it is, or how it went; without `progress` the last ones."""

    title: str
    progress: Progress | None = None
    text: str = ""
    kind: Literal["ok", "warn", "bad"] = "ok"
    skipped: tuple[Link, ...] = ()  # `help` is the reason
    skipped_text: str = ""
    undo_url: str | None = None
    back_url: str = "/"
    back_label: str = ""
    runs: tuple[Link, ...] = ()
    all_url: str = "/runs"
