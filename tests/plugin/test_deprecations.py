"""What will go is named with the file and line that still use it."""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.plugin.deprecations import deprecations_in

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.testing.sites import Place

_OLD = """
from crmkit import deprecated

def points_of(person):
    deprecated("`points_of` is called `balance`.", since="1.2", gone_in="2.0")
    return _inner(person)

def _inner(person):
    return person

async def slowly(person):
    deprecated("`slowly` is called `soon`.", since="1.2", gone_in="2.0")
    return person
"""


def _load(path: Path, code: str) -> Any:  # noqa: ANN401
    path.parent.mkdir(exist_ok=True)
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_caller_is_named_once_and_not_who_is_called(tmp_path: Path) -> None:
    old = _load(tmp_path / "owner" / "old.py", _OLD)
    user = _load(
        tmp_path / "user" / "calls.py",
        "def use(old):\n    return old.points_of(7)\n\n"
        "async def wait(old):\n    return await old.slowly(7)\n",
    )
    with pytest.warns(DeprecationWarning, match="is called `balance`") as told:
        assert 7 == user.use(old)
    assert str(tmp_path / "user" / "calls.py") == told[0].filename
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        user.use(old)
        assert 7 == await user.wait(old)
    assert [] == list(deprecations_in(tmp_path / "owner"))
    found = [str(each) for each in deprecations_in(tmp_path / "user")]
    when = "(deprecated since 1.2, gone in 2.0)"
    file = f"{tmp_path}/user/calls.py"
    assert [
        f"{file}:2: `points_of` is called `balance`. {when}",
        f"{file}:5: `slowly` is called `soon`. {when}",
    ] == found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_page_of_plugins_names_the_line(place: Place) -> None:
    manifest = 'id = "{0}"\nname = "{0}"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    place.write(
        "older", _OLD + "\nclass Older(Plugin):\n    pass\n", manifest=manifest.format("older")
    )
    place.write(
        "newer",
        "from plugins.older import points_of\npoints_of(7)\n\n\nclass Newer(Plugin):\n    pass\n",
        manifest=manifest.format("newer") + 'requires = ["older"]\n',
    )
    async with place.start() as running:
        client = await running.client()
        page = (await client.get("/settings/plugins?show=newer")).text
        assert "plugins/newer/__init__.py:5: `points_of` is called `balance`." in page
        older = (await client.get("/settings/plugins?show=older")).text
        assert "is called" not in older
