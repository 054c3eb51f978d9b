"""HTML to the text that a person would read."""

from __future__ import annotations

import re
from typing import Any

_SKIPPED = {"script", "style", "head", "title", "template", "noscript", "svg", "object", "iframe"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol",
    "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_APART = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"}
_CELLS = {"td", "th"}
#: The parser keeps a tree; this many characters take some 100 MB.
_MOST = 2_000_000
_BLANKS = re.compile(r"[ \t\r\n\f\v\u200b\u200c\u2060\ufeff]+")
#: Bounded, so that a strange style cannot take long.
HIDDEN = re.compile(r"display\s{0,9}:\s{0,9}none|mso-hide\s{0,9}:\s{0,9}all", re.IGNORECASE)
_XML_HEAD = re.compile(r"^\s*<\?xml[^>]*\?>", re.IGNORECASE)


def html_to_text(html: str) -> str:
    r"""Make text of HTML: paragraphs, lists, quotes as `> `, addresses of links in brackets.

    Returns:
        Lines that end with \n, never more than one empty line in a row; "" for no text.
    """
    root = parse_html(html)
    return "" if root is None else tree_to_text(root)


def parse_html(html: str) -> Any:  # noqa: ANN401 - lxml has no types
    """Parse HTML, however broken, into a tree of lxml; None when there is nothing in it."""
    from lxml import etree  # noqa: PLC0415 - 10 MB, for messages only
    from lxml import html as lxml_html  # noqa: PLC0415

    # libxml2 reads at most 256 levels and refuses nothing else that is well within the limits.
    source = _XML_HEAD.sub("", html[:_MOST]).replace("\x00", "")
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return lxml_html.document_fromstring(
            source.encode("utf-8", "replace"), parser=parser, ensure_head_body=True
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def tree_to_text(root: Any) -> str:  # noqa: ANN401 - as above
    """Make text of a tree of lxml."""
    out = _Lines()
    # No recursion, so that no depth of a tree fails.
    stack: list[tuple[str, Any]] = [("open", root)]
    pre = 0
    while stack:
        step, node = stack.pop()
        if step == "text":
            out.put_raw(node) if pre else out.put(node)
            continue
        tag = node.tag if isinstance(node.tag, str) else ""
        if step == "close":
            pre -= tag == "pre"
            _after(out, node, tag)
            continue
        if node.tail and node is not root:
            stack.append(("text", node.tail))
        if not tag or tag in _SKIPPED or _is_hidden(node):
            continue
        _before(out, node, tag)
        pre += tag == "pre"
        stack.append(("close", node))
        stack += [("open", child) for child in reversed(node)]
        if node.text:
            stack.append(("text", node.text))
    return out.text()


class _Lines:
    """Text that grows by words and asks for gaps between lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._gap = 0
        self._depth = 0

    def put(self, text: str) -> None:
        """Add running text; blanks of all kinds are one."""
        piece = _BLANKS.sub(" ", text)
        if self._gap or not self._line:
            piece = piece.lstrip(" ")
        if piece:
            self._flush()
            self._line += piece

    def put_raw(self, text: str) -> None:
        """Add text whose lines stay."""
        first, *rest = text.replace("\r\n", "\n").split("\n")
        self._flush()
        self._line += first
        for line in rest:
            self._lines.append(f"{'> ' * self._depth}{self._line}")
            self._line = line

    def gap(self, lines: int) -> None:
        """Ask for the end of a line, 1, or for an empty one, 2, before more text comes."""
        self._gap = max(self._gap, lines)

    def end_line(self) -> None:
        """End a line; twice makes an empty one."""
        self._gap = min(self._gap + 1, 2)

    def quote(self, step: int) -> None:
        """Go into a quote, 1, or out of it, -1."""
        self._gap = 1
        self._flush()
        self._depth += step
        self._lines.append("> " * min(self._depth, self._depth - step))

    def text(self) -> str:
        """Answer all of it."""
        self._gap = 1
        self._flush()
        kept: list[str] = []
        for line in self._lines:
            told = re.sub(r"(?<=\S) {2,}", " ", line.replace("\xa0", " ")).rstrip()
            if told.strip("> ") or (kept and kept[-1].strip("> ")):
                kept.append(told)
        while kept and not kept[-1].strip("> "):
            kept.pop()
        return "\n".join(kept)

    def _flush(self) -> None:
        if not self._gap:
            return
        prefix = "> " * self._depth
        self._lines.append(prefix + self._line)
        self._lines += [prefix] * (self._gap - 1)
        self._line, self._gap = "", 0


def _is_hidden(node: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether a mailer hides it: preview texts of mailings."""
    return bool(HIDDEN.search(node.get("style") or ""))


def _before(out: _Lines, node: Any, tag: str) -> None:  # noqa: ANN401 - as above
    if tag == "blockquote":
        out.quote(1)
    elif tag == "br":
        out.end_line()
    elif tag in _BLOCKS:
        out.gap(2 if tag in _APART else 1)
    if tag == "li":
        out.put("- ")
    elif tag == "img" and (node.get("alt") or "").strip():
        out.put(f"[{node.get('alt').strip()}]")


def _after(out: _Lines, node: Any, tag: str) -> None:  # noqa: ANN401 - as above
    if tag == "a":
        href = (node.get("href") or "").strip()
        bare = re.sub(r"^https?://", "", href, flags=re.IGNORECASE).rstrip("/")
        if bare != href and bare not in "".join(node.itertext()):
            out.put(f" <{href}>")
    elif tag in _CELLS:
        out.put(" ")
    elif tag == "blockquote":
        out.quote(-1)
    elif tag in _BLOCKS:
        out.gap(2 if tag in _APART else 1)
