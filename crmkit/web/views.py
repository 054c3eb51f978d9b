"""What handlers give to templates: frozen structs, one for each page.

Handlers fill them, templates only print them. Every text in them is already translated and
formatted for the reader (language, currency, zone); a field typed `Html` is a `str` that is
escaped, or a `Markup` that is printed as it stands. URLs are local paths. Each page template
receives its struct as `page`; the frame around it reads `shell` (`Shell`). Besides, each
rendering has the plain values (a form sends its token as `csrf_token`) `csp_nonce`, `csrf_token`, `request_path` and `is_fragment`.

Tones are "", "ok", "warn", "bad", "info", "mute". Hues are 1 to 8 (avatars, tags),
steps of an order are 1 to 5 (`seq`, 5 is won). Icons are Tabler outline names.
"""

from typing import Literal

import msgspec

Html = str
Pair = tuple[str, str]
Align = Literal["start", "end", "center"]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all view structs: immutable, made with keywords."""


# ---------- small pieces ----------


class Avatar(View, frozen=True, kw_only=True):
    """Initials on a hue; people are round, things are square."""

    initials: str
    hue: int = 8
    square: bool = False


class Link(View, frozen=True, kw_only=True):
    """A link in a menu, a bar or a list."""

    label: str
    url: str
    icon: str | None = None
    key: str | None = None
    current: bool = False
    count: str | None = None
    tone: str = ""
    help: str | None = None


class Action(View, frozen=True, kw_only=True):
    """A button. `method` "get" makes a link, "post" a form with the CSRF field.

    `fields` are asked for in a small menu first; `confirm` is the question of a dialog whose
    button repeats `label`. `values` are hidden inputs, `version` among them where needed.
    """

    name: str
    label: str
    url: str
    icon: str | None = None
    method: Literal["get", "post"] = "post"
    kind: Literal["primary", "secondary", "ghost", "danger"] = "secondary"
    confirm: str | None = None
    fields: tuple["FieldInput", ...] = ()
    values: tuple[Pair, ...] = ()
    key: str | None = None
    source: str | None = None


class Tag(View, frozen=True, kw_only=True):
    """A coloured label."""

    label: str
    hue: int = 8
    tone: str = ""
    url: str | None = None
    icon: str | None = None


class Empty(View, frozen=True, kw_only=True):
    """What belongs here, and the actions that fill it."""

    title: str
    text: str = ""
    icon: str = "inbox"
    actions: tuple[Link, ...] = ()


# ---------- shell ----------


class UserBadge(View, frozen=True, kw_only=True):
    """The signed-in person."""

    name: str
    avatar: Avatar
    url: str


class NavItem(View, frozen=True, kw_only=True):
    """An entry of the side bar; `key` is the letter after g, `count` waits for somebody."""

    label: str
    url: str
    icon: str
    count: str | None = None
    tone: str = ""
    current: bool = False
    key: str | None = None


class NavGroup(View, frozen=True, kw_only=True):
    """Entries under one heading, or without one."""

    items: tuple[NavItem, ...]
    label: str | None = None


class Flash(View, frozen=True, kw_only=True):
    """A message shown once. `kind` is a tone; `undo_url` takes a POST."""

    text: str
    kind: str = "ok"
    undo_url: str | None = None


class Shell(View, frozen=True, kw_only=True):
    """The frame around each page."""

    site_name: str
    title: str
    user: UserBadge | None = None
    navigation: tuple[NavGroup, ...] = ()
    csrf: str = ""
    language: str = "en"
    theme: Literal["light", "dark", "system"] = "system"
    crumbs: tuple[Link, ...] = ()
    new_items: tuple[Link, ...] = ()
    flashes: tuple[Flash, ...] = ()
    active_entity: str | None = None
    home_url: str = "/"
    search_url: str = "/search"
    new_url: str | None = None
    settings_url: str | None = "/settings"
    logout_url: str = "/logout"
    theme_url: str = "/settings/theme"
    languages: tuple[Link, ...] = ()
    keys_on: bool = True


class EntityLink(View, frozen=True, kw_only=True):
    """The entity a page is about. `label` is the plural, `name` like "crm.person"."""

    name: str
    label: str
    singular: str
    icon: str
    url: str
    new_url: str | None = None
    board_url: str | None = None
    import_url: str | None = None
    export_url: str | None = None
    trash_url: str | None = None


# ---------- fields and forms ----------


class Option(View, frozen=True, kw_only=True):
    """A value one can choose."""

    value: str
    label: str
    selected: bool = False
    hue: int | None = None


class FieldInput(View, frozen=True, kw_only=True):
    """One input. `kind` decides the element; `value` is the raw text to show again.

    A `reference` shows `display` for its `value` and asks `remote_url?q=` for more, which
    answers the block `options` of `options.html`; without JavaScript it is a select of `options`.
    """

    name: str
    label: str
    kind: Literal[
        "text",
        "textarea",
        "number",
        "money",
        "date",
        "datetime",
        "time",
        "checkbox",
        "select",
        "multiselect",
        "reference",
        "email",
        "phone",
        "url",
        "choice",
        "password",
        "file",
        "hidden",
    ] = "text"
    value: str = ""
    display: str = ""
    options: tuple[Option, ...] = ()
    required: bool = False
    help: str | None = None
    error: str | None = None
    autocomplete: str | None = None
    remote_url: str | None = None
    currency: str | None = None
    currencies: tuple[Option, ...] = ()
    checked: bool = False
    wide: bool = False
    readonly: bool = False
    autofocus: bool = False
    max_length: int | None = None
    source: str | None = None
    conflict: str | None = (
        None  # the other person's stored value, shown when the form is stale
    )
    id: str | None = None  # of the element; default "f-" and the name
    step: str | None = None


class FormGroup(View, frozen=True, kw_only=True):
    """Inputs under one heading."""

    fields: tuple[FieldInput, ...]
    label: str | None = None
    source: str | None = None


class Duplicate(View, frozen=True, kw_only=True):
    """A record that may be the same, and why."""

    title: str
    url: str
    avatar: Avatar
    subtitle: str = ""
    reasons: tuple[Tag, ...] = ()
    use_label: str | None = None


class Conflict(View, frozen=True, kw_only=True):
    """Somebody saved this record in between."""

    who: str
    when: str
    version: str


class FormPage(View, frozen=True, kw_only=True):
    """A form of its own page: new, edit, settings. Sent as POST to `action_url`.

    `duplicates_url` is asked with the form's values while typing and answers the block
    `duplicates`. `again` sends the button `again=1`.
    """

    title: str
    groups: tuple[FormGroup, ...]
    action_url: str
    cancel_url: str
    submit: str
    entity: EntityLink | None = None
    again: str | None = None
    version: str | None = None
    errors: tuple[str, ...] = ()  # not of one field
    duplicates: tuple[Duplicate, ...] = ()
    duplicates_url: str | None = None
    conflict: Conflict | None = None
    intro: str | None = None
    draft_key: str | None = None  # the browser keeps unsent values under this name
    hidden: tuple[Pair, ...] = ()
    narrow: bool = False
    danger: tuple[Action, ...] = ()
    multipart: bool = False


# ---------- list ----------


class Column(View, frozen=True, kw_only=True):
    """A column. `place` is where the cell stands on a phone: main, sub, end, next, act, hide."""

    name: str
    label: str
    align: Align = "start"
    sort_url: str | None = None
    sorted: Literal["asc", "desc"] | None = None
    kind: str = "text"
    place: str = "hide"
    width: str | None = None  # "120" pixels or "15%"
    source: str | None = None


class Cell(View, frozen=True, kw_only=True, gc=False):
    """A cell: printed text or `Markup`, a class, a link, an avatar before it."""

    html: Html = ""
    css: str = ""
    url: str | None = None
    avatar: Avatar | None = None
    icon: str | None = None
    tone: str = ""


class Row(View, frozen=True, kw_only=True):
    """A row; the first cell is the main one and links to `url`."""

    id: str
    url: str
    cells: tuple[Cell, ...]
    selected: bool = False
    label: str = ""  # name for screen readers
    version: str | None = None
    call: str | None = None  # tel: or mailto: link of the button on a phone


class RowGroup(View, frozen=True, kw_only=True):
    """Rows of one value when grouped; without `rows` only the head with its figures."""

    label: str
    count: str
    sum: str | None = None
    url: str | None = None
    open: bool = True
    rows: tuple[Row, ...] = ()


class FilterChip(View, frozen=True, kw_only=True):
    """A filter in force."""

    label: str
    value: str
    remove_url: str


class FilterField(View, frozen=True, kw_only=True):
    """A field one can filter by."""

    name: str
    label: str
    kind: str = "text"
    operators: tuple[Option, ...] = ()
    options: tuple[Option, ...] = ()
    remote_url: str | None = None
    source: str | None = None


class ColumnChoice(View, frozen=True, kw_only=True):
    """A line of the columns menu."""

    name: str
    label: str
    checked: bool = False
    locked: bool = False
    source: str | None = None


class BulkAction(View, frozen=True, kw_only=True):
    """An action on the chosen rows. Its inputs are sent as "<action>.<field>"."""

    name: str
    label: str
    icon: str | None = None
    fields: tuple[FieldInput, ...] = ()
    confirm: str | None = None
    kind: Literal["ghost", "danger"] = "ghost"


class ListPage(View, frozen=True, kw_only=True):
    """A list, also the trash.

    All state is in the URL. A filter is added by GET `filter_action` with the pairs `state`
    and `add` (field), `op`, `value`; columns by GET with `columns` repeated; the term by `q`.
    Bulk is a POST to `bulk_url` with `ids` repeated, `action`, `all=1` for all matches, and
    `state`. Saving a view is a POST to `save_view_url` with `name`, `shared` and `state`.
    """

    entity: EntityLink
    columns: tuple[Column, ...]
    count: str  # "1–50 of 1,000+"
    rows: tuple[Row, ...] = ()
    groups: tuple[RowGroup, ...] = ()
    views: tuple[Link, ...] = ()
    chips: tuple[FilterChip, ...] = ()
    clear_url: str | None = None
    filters: tuple[FilterField, ...] = ()
    filter_action: str = ""
    state: tuple[Pair, ...] = ()
    columns_menu: tuple[ColumnChoice, ...] = ()
    columns_action: str = ""
    group_choices: tuple[Link, ...] = ()
    summary: Html = ""  # sums beside the List | Board switch
    prev_url: str | None = None
    next_url: str | None = None
    count_url: str | None = None  # "Count all"
    bulk: tuple[BulkAction, ...] = ()
    bulk_url: str | None = None
    total: str | None = None  # for "Select all 1,000+"
    search: str = ""
    search_url: str | None = None
    save_view_url: str | None = None
    delete_view_url: str | None = None
    empty: Empty | None = None
    is_trash: bool = False
    more: tuple[Link, ...] = ()  # import, export, trash
    note: str | None = None
    slots: Html = ""  # list.toolbar
    announce: str | None = None  # "5 people found"


# ---------- record ----------


class Fact(View, frozen=True, kw_only=True):
    """One of up to six key facts."""

    label: str
    html: Html
    tone: str = ""
    note: str | None = None
    note_tone: str = ""
    avatar: Avatar | None = None
    url: str | None = None


class FieldView(View, frozen=True, kw_only=True):
    """A field of a record. `edit_url` answers the block `editor` of `field.html`."""

    name: str
    label: str
    html: Html
    id: str  # dom id, e.g. "crm-person-42-phone"
    editable: bool = False
    edit_url: str | None = None
    help: str | None = None
    url: str | None = None  # tel:, mailto:, a record
    version: str | None = (
        None  # of the record after a save, for the other forms of the page
    )


class FieldEditor(View, frozen=True, kw_only=True):
    """The place of a field while it is edited; POST to `action_url` with `version`."""

    field: FieldInput
    id: str
    action_url: str
    cancel_url: str
    version: str
    error: str | None = None


class FieldGroup(View, frozen=True, kw_only=True):
    """Fields under one heading; a plugin's group names its plugin."""

    label: str
    fields: tuple[FieldView, ...]
    source: str | None = None


class Step(View, frozen=True, kw_only=True):
    """A step of a lifecycle. `url` takes the POST that moves there (`to`, `version`)."""

    name: str
    label: str
    kind: Literal["open", "won", "lost"] = "open"
    state: Literal["done", "current", "next"] = "next"
    allowed: bool = True
    url: str | None = None
    fields: tuple[FieldInput, ...] = ()  # asked before the move, e.g. the reason


class Lifecycle(View, frozen=True, kw_only=True):
    """The steps of the record."""

    label: str
    steps: tuple[Step, ...]


class TimelineItem(View, frozen=True, kw_only=True):
    """One line of the timeline. `what` may hold links; `iso` is the time in UTC."""

    icon: str
    who: str
    what: Html
    time: str
    iso: str = ""
    text: Html = ""
    source: str | None = None
    url: str | None = None
    undo_url: str | None = None
    minor: bool = False
    done_url: str | None = None  # an open task: POST finishes it
    due: str | None = None
    tone: str = ""
    id: str | None = None


class TimelineDay(View, frozen=True, kw_only=True):
    """Items of one day."""

    label: str
    items: tuple[TimelineItem, ...]


class ComposerKind(View, frozen=True, kw_only=True):
    """A tab of the composer: note, call, task, e-mail. POST to `action_url`."""

    name: str
    label: str
    icon: str
    action_url: str
    submit: str
    fields: tuple[FieldInput, ...] = ()  # above and below the text
    text_label: str = ""
    text_name: str = "text"
    key: str | None = None
    current: bool = False
    text: str = ""
    error: str | None = None


class PanelLine(View, frozen=True, kw_only=True):
    """A line of a panel or of a related list."""

    html: Html
    url: str | None = None
    sub: str | None = None
    value: str | None = None
    tone: str = ""
    badge: Tag | None = None
    avatar: Avatar | None = None
    icon: str | None = None


class Panel(View, frozen=True, kw_only=True):
    """A card on the right. `error` replaces the content when the plugin failed."""

    id: str
    title: str
    count: str | None = None
    href: str | None = None
    source: str | None = None
    html: Html = ""
    lines: tuple[PanelLine, ...] = ()
    new_url: str | None = None
    new_label: str | None = None
    retry_url: str | None = None
    error: str | None = None
    lazy_url: str | None = None


class RecordPage(View, frozen=True, kw_only=True):
    """One record. `related` stands under the fields on the left, `panels` on the right."""

    entity: EntityLink
    id: str
    url: str
    version: str
    title: str
    avatar: Avatar
    subtitle: Html = ""
    tags: tuple[Tag, ...] = ()
    key_facts: tuple[Fact, ...] = ()
    groups: tuple[FieldGroup, ...] = ()
    related: tuple[Panel, ...] = ()
    panels: tuple[Panel, ...] = ()
    composer: tuple[ComposerKind, ...] = ()
    timeline: tuple[TimelineDay, ...] = ()
    timeline_more_url: str | None = None
    timeline_filters: tuple[Link, ...] = ()
    timeline_url: str | None = None
    lifecycle: Lifecycle | None = None
    contacts: tuple[Link, ...] = ()  # Call, E-mail, Task
    actions: tuple[Action, ...] = ()  # in the More menu, or primary beside it
    edit_url: str | None = None
    history_url: str | None = None
    prev_url: str | None = None
    next_url: str | None = None
    position: str | None = None  # "12 of 85"
    trashed: str | None = None  # "Anna moved this to the trash yesterday"
    restore_url: str | None = None
    warnings: tuple[str, ...] = ()
    header_slot: Html = ""
    side_slot: Html = ""
    main_slot: Html = ""


# ---------- board ----------


class Card(View, frozen=True, kw_only=True):
    """A card; dragging POSTs `to`, `version`, `before` to `move_url`; `moves` are the menu."""

    id: str
    url: str
    version: str
    title: str
    subtitle: str = ""
    value: str | None = None
    avatar: Avatar | None = None
    next_step: str | None = None
    next_icon: str | None = None
    next_tone: str = ""
    owner: Avatar | None = None
    owner_name: str = ""
    still: str | None = None
    move_url: str = ""
    moves: tuple[Option, ...] = ()  # value is the stage


class BoardColumn(View, frozen=True, kw_only=True):
    """A stage with its cards and sums."""

    stage: str
    label: str
    count: str
    sum: str = ""
    probability: str | None = None
    weighted: str | None = None
    note: str | None = None  # "in November"
    seq: int = 1
    cards: tuple[Card, ...] = ()
    more_url: str | None = None
    more_label: str | None = None
    accepts: bool = True


class BoardPage(View, frozen=True, kw_only=True):
    """The board of an entity; filters as in the list. A move answers the block `board`."""

    entity: EntityLink
    columns: tuple[BoardColumn, ...]
    list_page: ListPage  # views, chips and filters of the toolbar; rows stay empty
    totals: Html = ""
    announce: str | None = None


# ---------- home ----------


class Suggestion(View, frozen=True, kw_only=True):
    """The one thing to start with, why, and its actions."""

    title: str
    text: Html
    url: str
    avatar: Avatar | None = None
    reasons: tuple[Tag, ...] = ()
    value: str | None = None
    value_note: str | None = None
    actions: tuple[Action, ...] = ()


class AgendaItem(View, frozen=True, kw_only=True):
    """A line of the agenda. `done_url` takes a POST with `version`."""

    id: str
    title: str
    url: str
    icon: str = "square-check"
    record: str = ""
    record_url: str | None = None
    note: str = ""
    value: str | None = None
    due: str = ""
    due_title: str | None = None
    tone: str = ""
    done_url: str | None = None
    version: str = ""


class AgendaSection(View, frozen=True, kw_only=True):
    """Overdue, due today, can wait."""

    name: str
    label: str
    count: str
    tone: str = ""
    items: tuple[AgendaItem, ...] = ()
    more_url: str | None = None
    more_label: str | None = None


class LooseEnd(View, frozen=True, kw_only=True):
    """Records that miss something."""

    label: str
    count: str
    url: str


class FunnelStep(View, frozen=True, kw_only=True):
    """A stage of the funnel; `share` is 0 to 100, of the largest."""

    label: str
    count: str
    sum: str
    share: float
    seq: int = 1
    url: str | None = None


class ChartBar(View, frozen=True, kw_only=True):
    """A bar of stacked parts; heights in percent of the chart."""

    label: str
    parts: tuple[tuple[int, float], ...]  # (seq, percent)
    total: str = ""


class Chart(View, frozen=True, kw_only=True):
    """A bar chart drawn by the server as SVG, with the same figures as a table."""

    label: str
    bars: tuple[ChartBar, ...]
    legend: tuple[tuple[int, str], ...] = ()
    axis: tuple[tuple[float, str], ...] = ()  # (percent from below, text)


class HomePage(View, frozen=True, kw_only=True):
    """Today."""

    date: str
    greeting: str
    summary: Html
    segment: tuple[Link, ...] = ()  # Mine, Team, All
    suggestion: Suggestion | None = None
    sections: tuple[AgendaSection, ...] = ()
    loose_ends: tuple[LooseEnd, ...] = ()
    loose_count: str | None = None
    loose_url: str | None = None
    pipeline_title: str = ""
    pipeline_url: str | None = None
    figures: tuple[Pair, ...] = ()  # (value, what it is)
    chart: Chart | None = None
    funnel: tuple[FunnelStep, ...] = ()
    leaders: tuple[tuple[str, str, float], ...] = ()  # (name, value, share 0 to 100)
    leaders_title: str = ""
    empty: Empty | None = None
    slot: Html = ""


# ---------- import ----------


class ImportColumn(View, frozen=True, kw_only=True):
    """A column of the file and the field it becomes (select `map.<index>`)."""

    index: int
    name: str
    samples: str
    options: tuple[Option, ...]
    effect: Html = ""
    tone: str = ""  # ok, warn, bad


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


# ---------- search, sign-in, settings ----------


class SearchResult(View, frozen=True, kw_only=True):
    """A line of the palette; `html` may mark the match with <mark>."""

    html: Html
    url: str
    sub: Html = ""
    avatar: Avatar | None = None
    icon: str | None = None
    source: str | None = None
    key: str | None = None
    method: Literal["get", "post"] = "get"


class SearchGroup(View, frozen=True, kw_only=True):
    """Results under one heading."""

    label: str
    results: tuple[SearchResult, ...]


class SearchPage(View, frozen=True, kw_only=True):
    """Results; the block `results` is what the palette shows."""

    query: str = ""
    groups: tuple[SearchGroup, ...] = ()
    announce: str = ""


class LoginPage(View, frozen=True, kw_only=True):
    """Sign-in. POST `name`, `password`, `next` to `action_url`."""

    action_url: str
    next_url: str = "/"
    name: str = ""
    error: str | None = None
    intro: str | None = None
    fields: tuple[
        FieldInput, ...
    ] = ()  # instead of name and password, e.g. a second factor


class SetupPage(View, frozen=True, kw_only=True):
    """One step of the first start."""

    title: str
    text: str
    steps: tuple[Pair, ...]  # (state "done" | "current" | "next", label)
    action_url: str
    submit: str
    groups: tuple[FormGroup, ...] = ()
    choices: tuple["SetupChoice", ...] = ()
    errors: tuple[str, ...] = ()
    back_url: str | None = None
    skip_url: str | None = None
    skip_label: str | None = None
    note: str | None = None
    hidden: tuple[Pair, ...] = ()
    multipart: bool = False


class SetupChoice(View, frozen=True, kw_only=True):
    """A large check box of the set-up."""

    name: str
    value: str
    label: str
    text: str
    icon: str
    checked: bool = False
    source: str | None = None
    radio: bool = False


class TablePage(View, frozen=True, kw_only=True):
    """A plain table of the settings: users, teams, roles, jobs, plugins."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    intro: str | None = None
    actions: tuple[Action, ...] = ()
    tabs: tuple[Link, ...] = ()
    empty: Empty | None = None
    row_actions: tuple[tuple[str, tuple[Action, ...]], ...] = ()  # (row id, its menu)
    prev_url: str | None = None
    next_url: str | None = None
    count: str | None = None


class SettingsPage(View, frozen=True, kw_only=True):
    """Forms of the settings, one under the other; each has its own Save."""

    title: str
    forms: tuple[FormPage, ...] = ()
    intro: str | None = None
    tabs: tuple[Link, ...] = ()
    links: tuple[Link, ...] = ()
    danger: tuple[Action, ...] = ()


class MatrixCell(View, frozen=True, kw_only=True):
    """Who may do it: a select `<row>.<column>` of `options`, or plain text."""

    text: str = ""
    name: str | None = None
    options: tuple[Option, ...] = ()


class MatrixRow(View, frozen=True, kw_only=True):
    """An entity and what a role may do with it."""

    label: str
    cells: tuple[MatrixCell, ...]
    source: str | None = None


class RolePage(View, frozen=True, kw_only=True):
    """A role: its fields and its rights, entity by verb."""

    form: FormPage
    verbs: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    tabs: tuple[Link, ...] = ()
    users: tuple[Link, ...] = ()


class Change(View, frozen=True, kw_only=True):
    """A changed field: before and after."""

    label: str
    before: Html
    after: Html


class HistoryItem(View, frozen=True, kw_only=True):
    """One change of one or more records."""

    icon: str
    who: str
    what: Html
    time: str
    iso: str = ""
    changes: tuple[Change, ...] = ()
    undo_url: str | None = None
    undo_label: str | None = None
    source: str | None = None


class HistoryPage(View, frozen=True, kw_only=True):
    """All changes, newest first; of one record if `url` leads back to it."""

    title: str
    days: tuple[tuple[str, tuple[HistoryItem, ...]], ...] = ()
    url: str | None = None
    next_url: str | None = None
    empty: Empty | None = None
    tabs: tuple[Link, ...] = ()


class MergePage(View, frozen=True, kw_only=True):
    """Two records side by side; radio `<field>` is "a" or "b". POST to `action_url`."""

    title: str
    left: Link
    right: Link
    rows: tuple[tuple[str, str, str, str, Literal["a", "b"]], ...]
    # (field, label, left value, right value, chosen)
    action_url: str
    cancel_url: str
    submit: str
    text: str = ""
    hidden: tuple[Pair, ...] = ()


class ErrorPage(View, frozen=True, kw_only=True):
    """An error. `request_id` is the same as in the log."""

    status: int
    title: str
    text: str
    request_id: str = ""
    actions: tuple[Link, ...] = ()
