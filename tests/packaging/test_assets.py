"""The asset build, with files of its own and without npm."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from assets.build import Assets

ROOT = Path(__file__).parents[2]
STATIC = Path("crmkit/web/static")


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("assets_under_test", ROOT / "assets" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def assets(build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assets:
    """A checkout with one sheet, one script and an npm that answers from a folder."""

    def answer(folder: Path) -> None:
        package = folder / "node_modules" / "kit"
        outline = folder / "node_modules" / "@tabler" / "icons" / "icons" / "outline"
        outline.mkdir(parents=True)
        package.mkdir(parents=True)
        box = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'
        (outline / "plus.svg").write_text(f'<svg\n  class="a">\n {box}\n <path d="M1 1"/>\n</svg>')
        (package / "LICENSE").write_text("MIT, kit authors")
        (package / "kit.css").write_text('@charset "UTF-8";a{}\n/*# sourceMappingURL=kit.map */')
        (package / "one.js").write_text("var one=()=>1")
        (package / "two.js").write_text("(()=>{})()")

    monkeypatch.setattr(build, "_npm_ci", answer)
    write(
        tmp_path,
        {
            "assets/package.json": '{"dependencies": {"kit": "1.0"}}',
            "assets/package-lock.json": "{}",
            "assets/icons.txt": "# comment\nplus\nadd = plus\n",
            "assets/vendor.json": json.dumps(
                {
                    "kit.css": {"parts": ["kit/kit.css"], "layer": "vendor"},
                    "kit.js": {"parts": ["kit/one.js", "kit/two.js"]},
                }
            ),
            f"{STATIC}/css/core.css": "b{}" * 100,
            f"{STATIC}/js/app.js": "run()",
        },
    )
    made: Assets = build.Assets(tmp_path)
    return made


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def read_manifest(assets: Assets) -> dict[str, dict[str, str]]:
    manifest: dict[str, dict[str, str]] = json.loads((assets.target / "manifest.json").read_text())
    return manifest


def read_built(assets: Assets, name: str) -> str:
    path: Path = assets.target / read_manifest(assets)[name]["file"]
    return path.read_text("utf-8")


def test_a_file_is_named_by_its_digest_and_lies_compressed_beside(assets: Assets) -> None:
    assets.build()
    entry = read_manifest(assets)["core.css"]
    content = (assets.target / entry["file"]).read_bytes()
    digest = hashlib.sha384(content).digest()

    assert f"core.{digest.hex()[:10]}.css" == entry["file"]
    assert f"sha384-{base64.b64encode(digest).decode()}" == entry["integrity"]
    assert content == gzip.decompress((assets.target / f"{entry['file']}.gz").read_bytes())
    assert (assets.target / f"{entry['file']}.br").exists()


def test_unchanged_inputs_build_nothing(assets: Assets) -> None:
    assets.build()

    assert set() == assets.stale()
    assert [] == assets.build()


def test_an_edited_sheet_needs_no_npm(
    assets: Assets, build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets.build()
    before = read_manifest(assets)
    monkeypatch.setattr(build, "_npm_ci", lambda _: pytest.fail("npm was started"))
    (assets.static / "css" / "core.css").write_text("c{}")
    assets.build()
    after = read_manifest(assets)

    assert "c{}" == read_built(assets, "core.css")
    assert before["kit.css"] == after["kit.css"]
    assert not (assets.target / before["core.css"]["file"]).exists()


@pytest.mark.parametrize(("lost", "part"), [("kit.css", "vendor"), ("core.css", "own")])
def test_a_lost_result_is_built_again(assets: Assets, lost: str, part: str) -> None:
    assets.build()
    (assets.target / read_manifest(assets)[lost]["file"]).unlink()

    assert {part} == assets.stale()
    assets.build()
    assert set() == assets.stale()


def test_a_vendor_sheet_lies_in_its_layer_and_layers_come_first(assets: Assets) -> None:
    assets.build()

    expected = "@layer vendor,tokens,core,plugin,theme;@layer vendor{a{}\n}\n"
    assert expected == read_built(assets, "kit.css")


def test_joined_scripts_cannot_run_into_each_other(assets: Assets) -> None:
    assets.build()

    assert "var one=()=>1;\n(()=>{})()\n" == read_built(assets, "kit.js")


def test_a_folder_of_scripts_is_one_file(assets: Assets, tmp_path: Path) -> None:
    write(tmp_path, {f"{STATIC}/js/page/b.js": "b()", f"{STATIC}/js/page/a.js": "a()"})
    assets.build()

    assert "a();\nb()\n" == read_built(assets, "page.js")


@pytest.mark.parametrize("name", ["css/kit.css", "img/core.css", "css/core/a.css"])
def test_two_files_of_one_name_are_refused(
    assets: Assets, build: ModuleType, tmp_path: Path, name: str
) -> None:
    write(tmp_path, {f"{STATIC}/{name}": "d{}"})

    with pytest.raises(build.AssetError, match="rename one"):
        assets.build()


def test_icons_are_the_markup_inside_the_drawing(assets: Assets) -> None:
    assets.build()
    icons = json.loads((assets.target / "icons.json").read_text())

    assert {"plus": '<path d="M1 1"/>', "add": '<path d="M1 1"/>'} == icons


def test_an_unknown_icon_is_named(assets: Assets, build: ModuleType) -> None:
    (assets.sources / "icons.txt").write_text("plus\nplsu\n")

    with pytest.raises(build.AssetError, match=r"icons\.txt: Tabler has no outline icon plsu"):
        assets.build()


def test_translations_are_compiled_beside_their_source(assets: Assets, tmp_path: Path) -> None:
    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    po = "crmkit/locale/ru/LC_MESSAGES/crmkit.po"
    write(tmp_path, {po: text + 'msgid "Company"\nmsgstr "Компания"\n'})
    assets.build()

    assert "Компания".encode() in (tmp_path / po).with_suffix(".mo").read_bytes()


def test_every_icon_a_template_names_is_in_the_list() -> None:
    lines = (ROOT / "assets" / "icons.txt").read_text("utf-8").splitlines()
    listed = {line.split("=")[0].strip() for line in lines if not line.startswith("#")}
    named = set()
    for path in (ROOT / "crmkit").rglob("*.html"):
        named |= set(re.findall(r"\bicon(?:\(|=)[\"']([a-z0-9-]+)[\"']", path.read_text("utf-8")))
    for path in (ROOT / "crmkit").rglob("*.py"):
        named |= set(re.findall(r"\bicon=[\"']([a-z0-9-]+)[\"']", path.read_text("utf-8")))

    assert set() == named - listed
