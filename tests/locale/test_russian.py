from __future__ import annotations

import re
import tomllib
from collections import Counter
from gettext import c2py  # what gettext runs
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from crmkit.access.roles import load_roles
from crmkit.model.values import Sentence, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Catalog, Message

    from crmkit.plugin.site import Site

ROOT = Path(__file__).parents[2]
RUSSIAN = ROOT / "crmkit" / "locale" / "ru" / "LC_MESSAGES" / "crmkit.po"
#: Package of each bundled plugin to its own catalogue, which follows that of crmkit.
PLUGINS = {
    folder: folder / "locale" / "ru" / "LC_MESSAGES" / f"{folder.name.partition('_')[2]}.po"
    for folder in sorted(ROOT.glob("plugins/*/crmkit_*"))
}
_PLACE = re.compile(r"%\(\w+\)[sd]|(?<!\w)\{\w+\}")


@pytest.fixture(scope="module")
def russian() -> Catalog:
    with RUSSIAN.open("rb") as file:
        return read_po(file)


def _marked(folder: Path = ROOT / "crmkit") -> set[str]:
    """Every text that Python and templates of a package mark, plural ones by their first form."""
    return {text for _context, text in _marked_with_context(folder)}


def _marked_with_context(folder: Path) -> set[tuple[str | None, str]]:
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    keywords = {**DEFAULT_KEYWORDS, "N_": None}
    found = extract_from_dir(str(folder), methods, options, keywords)
    return {
        (context, message if isinstance(message, str) else message[0])
        for _file, _line, message, _comments, context in found
    }


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def _translated(russian: Catalog, text: str) -> bool:
    message = russian.get(text)
    if message is None or message.fuzzy:
        return False
    return all(_strings(message))


def _strings(message: Message) -> tuple[str, ...]:
    found = message.string
    return (found or "",) if isinstance(found, str | None) else tuple(found)


def test_every_marked_text_has_a_russian_one(russian: Catalog) -> None:
    texts = _marked()
    # Both of Python and of templates: an empty extraction would prove nothing.
    assert {"Prospecting", "Loose ends"} <= texts
    assert [] == sorted(text for text in texts if not _translated(russian, text))


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda each: each.name)
def test_every_marked_text_of_a_plugin_has_a_russian_one(russian: Catalog, folder: Path) -> None:
    own = _read(PLUGINS[folder])
    texts = _marked(folder)
    assert len(texts) > 20
    missing = (t for t in texts if not _translated(russian, t) and not _translated(own, t))
    assert [] == sorted(missing)
    manifest = tomllib.loads((folder / "plugin.toml").read_text(encoding="utf-8"))
    texts |= {manifest["name"], manifest["summary"]}
    assert all(_translated(own, text) for text in (manifest["name"], manifest["summary"]))
    ids = {each.id if isinstance(each.id, str) else each.id[0] for each in own if each.id}
    assert [] == sorted(ids - texts)


@pytest.mark.parametrize("path", [RUSSIAN, *PLUGINS.values()], ids=lambda each: each.stem)
def test_a_text_of_two_meanings_says_which_by_its_context(path: Path) -> None:
    # Of two entries of one text the later would be read at both places.
    seen = [(m.context, m.id) for m in _entries(path) if m.id]
    assert [] == sorted(str(each) for each, times in Counter(seen).items() if times > 1)


def test_each_meaning_of_a_text_has_its_russian_one(russian: Catalog) -> None:
    told = {(context, text) for context, text in _marked_with_context(ROOT / "crmkit") if context}
    assert ("merge", "Kept") in told
    found = {each: russian.get(each[1], each[0]) for each in told}
    assert [] == sorted(each for each, message in found.items() if not (message and message.string))


def _entries(path: Path) -> Iterator[Message]:
    """Each entry of a file by itself, since a catalogue keeps one of each text."""
    head, *rest = path.read_text(encoding="utf-8").split("\n\n")
    for entry in rest:
        yield from read_po(StringIO(f"{head}\n\n{entry}\n"))


def test_every_label_of_the_site_has_a_russian_one(russian: Catalog, site: Site) -> None:
    catalogues = [russian, *map(_read, PLUGINS.values())]
    labels = {role.label for role in load_roles(Path("none")).values()}
    for plan in site.entities.values():
        labels |= {plan.label, plan.singular, *(group.label for group in plan.form)}
        for field in plan.fields.values():
            labels |= {field.label, field.help, *(choice.label for choice in field.choices)}
    labels.discard("")
    found = {text for text in labels for each in catalogues if _translated(each, text)}
    assert [] == sorted(labels - found)


def test_plural_texts_have_three_forms(russian: Catalog) -> None:
    plural = [message for message in russian if message.pluralizable]
    assert plural
    assert {3} == {len(_strings(message)) for message in plural}
    # 1, 21: one; 2 to 4, 22: few; 0, 5 to 20, 25: many.
    expected = [2, 0, 1, 1, 2, 2, 2, 0, 1, 2]
    form = c2py(russian.plural_expr)
    assert expected == [form(n) for n in (0, 1, 2, 4, 5, 11, 12, 21, 22, 25)]


def test_translations_fill_in_the_same_places(russian: Catalog) -> None:
    wrong = []
    for message in russian:
        if not message.id:
            continue
        source = message.id if isinstance(message.id, str) else message.id[0]
        wrong += [
            source
            for text in _strings(message)
            if sorted(_PLACE.findall(source)) != sorted(_PLACE.findall(text))
        ]
    assert [] == wrong


def test_a_sentence_is_english_until_somebody_reads_it() -> None:
    texts = {"{host} refuses. {remedy}": "{host} отказывает. {remedy}", "Wait.": "Подождите."}
    said = Sentence("{host} refuses. {remedy}", host="a{b}", remedy=Sentence("Wait."))
    assert "a{b} refuses. Wait." == said
    assert "a{b} отказывает. Подождите." == in_words(said, lambda text: texts.get(text, text))
    assert "{host}" == in_words("{host}", lambda _text: "nothing is looked up")
