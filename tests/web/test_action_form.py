"""What an action asks for, as inputs of a form, and what the form sends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec
import pytest

from crmkit.errors import InvalidError
from crmkit.model.action import Action
from crmkit.records.actions import actions_of, decode_input, done_words
from crmkit.web.action_form import action_inputs, action_values, with_problems
from crmkit.web.views import Action as Button

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.plugin.site import Site

    Login = Callable[..., Awaitable[Context]]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    day: str = ""
    time: str = "12:00"
    restock: bool = True
    leaves: bool = False
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


async def _nothing(*_given: object) -> None:
    return None


ACTION = Action(
    "ask", "Ask", _nothing, input=Asked, kinds={"to": "user", "day": "date", "time": "time"}
)


async def test_each_input_shows_its_default_and_is_entered_as_its_kind(act_as: Login) -> None:
    found = {each.name: each for each in action_inputs(await act_as("administrator"), ACTION)}
    assert ("reference", True, 200) == (found["to"].kind, found["to"].free, found["to"].max_length)
    assert ("date", "") == (found["day"].kind, found["day"].value)
    assert ("time", "12:00") == (found["time"].kind, found["time"].value)
    assert "1" == found["count"].value
    assert (True, False) == (found["restock"].checked, found["leaves"].checked)


async def test_what_was_done_is_told_in_words_of_the_action_else_by_its_label(
    act_as: Login, site: Site
) -> None:
    words = {"Converted": "Готово дело", "{what}: done": "{what}: готово", "Ask": "Спросить"}
    ctx = replace(await act_as("administrator"), translate=lambda text: words.get(text, text))
    assert "Готово дело" == done_words(ctx, replace(ACTION, done="Converted"))
    assert "Спросить: готово" == done_words(ctx, ACTION)
    offered = [each for plan in site.entities.values() for each in actions_of(plan)]
    assert len(offered) > 10
    assert [] == [each.name for each in offered if not each.done]


async def test_what_is_ticked_from_the_beginning_can_be_unticked(act_as: Login) -> None:
    ctx = await act_as("administrator")
    found = {each.name: each for each in action_inputs(ctx, ACTION)}
    sent = {"to": "Ada", "restock": found["restock"].unticked}
    data = decode_input(ctx, ACTION, action_values(sent))
    assert Asked("Ada", restock=False) == data
    ticked = decode_input(ctx, ACTION, action_values({"to.title": "Ada", "restock": "1"}))
    assert Asked("Ada") == ticked


async def test_a_value_that_does_not_fit_says_what_does(act_as: Login) -> None:
    ctx = await act_as("administrator")
    sent = {"to": "Ada", "restock": "0", "count": "0"}
    with pytest.raises(InvalidError) as caught:
        decode_input(ctx, ACTION, action_values(sent))
    problem = caught.value
    assert {"count": "must be 1 or more"} == problem.problems
    button = Button(name="ask", label="Ask", url="/", fields=action_inputs(ctx, ACTION))
    shown = {each.name: each for each in with_problems(button, sent, problem).fields}
    assert ("Ada", "Ada") == (shown["to"].value, shown["to"].display)
    assert (False, "must be 1 or more") == (shown["restock"].checked, shown["count"].error)
    # Ticked again after that, it is ticked.
    assert "" == shown["restock"].value
