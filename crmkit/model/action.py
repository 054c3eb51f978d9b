"""Something people can do with a record, declared once for every door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import msgspec

    from crmkit.model.context import Context
    from crmkit.model.role import Verb

    #: (ctx, record id, input or None, version) to the address of what came out, or None.
    Handler = Callable[..., Awaitable[str | None]]
    #: (ctx, record id) to the inputs of a field that has several.
    Rows = Callable[[Context, int], Awaitable[Sequence["InputRow"]]]


@dataclass(frozen=True)
class InputRow:
    """An input of a field that has one for each of some things, such as the lines of a record.

    Attributes:
        key: What the value is sent under.
        label: Beside the input, in the reader's language.
        value: What stands in it at first.
        help: A sentence below it.
    """

    key: str
    label: str
    value: str = ""
    help: str = ""


@dataclass(frozen=True)
class Action:
    """A verb on a record: a button on its page, a bulk operation, a POST.

    Attributes:
        name: Part of the address `/crm.lead/42/actions/<name>`.
        label: English verb phrase that names the result, such as "Convert".
        handler: `async (ctx, record_id, data, version)`; called inside one transaction, as one
            operation that can be undone.
        permission: Verb of the entity the person needs on this record.
        undoable: False offers no undo after it: what it makes is no change of records.
        needs: Verbs the role must have on the entity besides, such as "create" for a copy.
        input: Struct of what is asked for first; unknown fields are refused.
        confirm: English question asked before it is done.
        done: English words told after it, such as "Order confirmed"; "" tells the label and that
            it is done. Where another record is shown then, they say what that is.
        states: States of the lifecycle in which it is offered; empty is all.
        visible: `(ctx, record)` says whether it can be done with that record; sync.
        bulk: Offered for many records at once.
        quiet: In the menu of further actions instead of a button of its own.
        labels: Field of the input to its English label.
        rows: Field of the input that holds texts by a key (`dict[str, str] | None`) to what
            answers its inputs for a record. A form sends all of them, empty ones left out; a call
            that does not name the field sends None. Such an action is not offered in bulk.
        kinds: Field of the input to how it is entered, where its type does not say: "date", "time",
            "textarea", or "user" for the name or e-mail address of one, who is found while one
            types.
        second_person: It is asked for, and done when a person other than who asked approves it
            (four eyes).
    """

    name: str
    label: str
    handler: Handler
    permission: Verb = "edit"
    input: type[msgspec.Struct] | None = None
    icon: str = ""
    confirm: str = ""
    done: str = ""
    states: Sequence[str] = ()
    labels: Mapping[str, str] | None = None
    rows: Mapping[str, Rows] | None = None
    kinds: Mapping[str, str] | None = None
    visible: Callable[[Context, Mapping[str, Any]], bool] | None = None
    bulk: bool = True
    quiet: bool = False
    needs: Sequence[Verb] = ()
    second_person: bool = False
    undoable: bool = True

    def offered(self, state: Any) -> bool:  # noqa: ANN401 - a stored value
        """Say whether it can be done in a state."""
        return not self.states or state in self.states

    def fits(self, ctx: Context, state: Any, record: Mapping[str, Any]) -> bool:  # noqa: ANN401
        """Say whether it can be done with a record in that state."""
        return self.offered(state) and (self.visible is None or self.visible(ctx, record))
