"""The themes that come with crmkit: readable, and of tokens that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import crmkit.web
from crmkit.config import Config
from crmkit.web.themes import theme_chain, theme_css

_WEB = Path(crmkit.web.__file__).parent
_THEMES = sorted(path.parent.name for path in _WEB.glob("themes/*/theme.toml"))
_GROUNDS = ("canvas", "paper", "raised", "sunken", "hover", "selected")
_INKS = ("ink", "ink-2", "ink-3", "accent-ink", "ok", "warn", "bad", "note")
_AAA = 7.0  # WCAG 2.2, success criterion 1.4.6


def _luminance(colour: str) -> float:
    """Answer the relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_of_high_contrast_is_seven_to_one(mode: str) -> None:
    tokens = getattr(theme_chain(Config(theme="contrast"))[0].file, mode)
    low = [
        (ink, ground)
        for ink in _INKS
        for ground in _GROUNDS
        if _contrast(tokens[ink], tokens[ground]) < _AAA
    ]
    assert [] == low
    assert _contrast("#ffffff", tokens["accent"]) >= 4.5


@pytest.mark.parametrize("name", _THEMES)
def test_a_theme_sets_tokens_that_there_are(name: str) -> None:
    sheets = "".join(path.read_text() for path in _WEB.glob("static/css/core/*.css"))
    known = set(re.findall(r"--crm-([a-z0-9-]+):", sheets))
    css = theme_css(Config(theme=name))
    assert set(re.findall(r"--crm-([a-z0-9-]+):", css)) <= known
    # `light-dark` of a length is no value at all.
    assert [] == re.findall(r"light-dark\([^)]*\d(?:px|rem)", css)


def test_there_are_themes() -> None:
    assert ["compact", "contrast"] == _THEMES
