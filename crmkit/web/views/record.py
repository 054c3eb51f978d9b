"""One record with its fields, timeline and panels."""

from typing import Literal

from crmkit.web.views.pieces import Action, Avatar, EntityLink, FieldInput, Html, Link, Tag, View


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
    version: str | None = None  # of the record after a save, for the other forms of the page


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
    href: str | None = None  # of the side record these fields are of
    record: str | None = None  # "loyalty.credit/7" where they are of another record than the page
    link: Link | None = None  # instead of fields: enter the side record, or where it is


class LifecycleStep(View, frozen=True, kw_only=True):
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
    steps: tuple[LifecycleStep, ...]


class TimelineItem(View, frozen=True, kw_only=True):
    """One line of the timeline. `what` may hold links; `iso` is the time in UTC.

    `exact` is the time with its day and zone, shown when asked for.
    """

    icon: str
    who: str
    what: Html
    time: str
    iso: str = ""
    exact: str = ""
    text: Html = ""
    source: str | None = None
    url: str | None = None
    undo_url: str | None = None
    minor: bool = False
    done_url: str | None = None  # an open task: POST finishes it
    due: str | None = None
    tone: str = ""
    id: str | None = None
    folded: Html = ""  # what was quoted, shown when asked for
    links: tuple[Link, ...] = ()  # below the text: files, an answer
    html_url: str | None = None  # answers the text as it was formatted, in place of `text`
    actions: tuple[Action, ...] = ()


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
    above: tuple[FieldInput, ...] = ()  # over the text
    multipart: bool = False
    pick: FieldInput | None = None  # a text to begin with; its button sends `fill=1`
    pick_label: str = ""


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
    call: str | None = None  # tel: link of a button beside it
    download: str | None = None


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
    poll_url: str | None = None  # asked again in a second: something is under way


class PartsCell(View, frozen=True, kw_only=True):
    """A cell of a grid of parts: an input, or what is shown; `below` stands small under it.

    `inputs` are inputs under it, each with the id of its element.
    """

    html: Html = ""
    input: FieldInput | None = None
    id: str = ""
    css: str = ""
    below: tuple[Html, ...] = ()
    inputs: tuple[tuple[FieldInput, str], ...] = ()


class PartsRow(View, frozen=True, kw_only=True):
    """A line; without `id` it is the empty one below the others."""

    cells: tuple[PartsCell, ...]
    id: str = ""
    version: str = ""
    url: str | None = None
    errors: tuple[str, ...] = ()
    label: str = ""


class PartsGrid(View, frozen=True, kw_only=True):
    """Lines of a record, edited as a grid: the whole form is a POST to `url`."""

    id: str
    label: str
    url: str
    columns: tuple[tuple[str, str], ...]  # label, css
    rows: tuple[PartsRow, ...] = ()
    count: int = 0
    totals: tuple[tuple[str, str, bool], ...] = ()  # label, value, is a sum
    editable: bool = True
    locked: str = ""
    paste_url: str | None = None
    pasted: str = ""
    file_url: str | None = None  # takes the POST of a CSV file or a workbook
    file_help: str = ""
    file_open: bool = False  # one was refused; send another
    errors: tuple[str, ...] = ()
    note: str = ""  # what was done
    empty: str = ""


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
    mail_setup_url: str | None = None  # where who has no mail account adds one
    timeline: tuple[TimelineDay, ...] = ()
    parts: tuple[PartsGrid, ...] = ()  # in the middle, above the timeline
    timeline_more_url: str | None = None
    timeline_filters: tuple[Link, ...] = ()
    tab: Panel | None = None  # of a plugin, in place of the timeline
    timeline_url: str | None = None
    lifecycle: Lifecycle | None = None
    contacts: tuple[Link, ...] = ()  # Call, E-mail, Task
    actions: tuple[Action, ...] = ()  # in the More menu, or primary beside it
    edit_url: str | None = None
    history_url: str | None = None
    prev_url: str | None = None
    next_url: str | None = None
    position: str | None = None  # "12 of 85"
    list_query: str | None = None  # of the list one came from; "" is the list as it is at first
    trashed: str | None = None  # "Anna moved this to the trash yesterday"
    restore_url: str | None = None
    warnings: tuple[str, ...] = ()
    call_log_url: str | None = None  # offered after a number of the page was clicked
    header_slot: Html = ""
    side_slot: Html = ""
    main_slot: Html = ""
