"""What is new in an answer written in HTML: mailers mark what they quote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crmkit.work.mail.html_text import HIDDEN, parse_html, tree_to_text
from crmkit.work.mail.quoting import SplitReply, split_reply

if TYPE_CHECKING:
    from collections.abc import Callable

#: The quote itself, and a mark above it.
_HOLDS = re.compile(
    r"gmail_quote|gmail_extra|yahoo_quoted|protonmail_quote|moz-cite-prefix|moz-forward-container"
    r"|ya-quote|mailru-quote|mail-quote-collapse|zmail_extra|tutanota_quote|quote_container",
    re.IGNORECASE,
)
_MARKS_BEGIN = re.compile(
    r"outlookmessageheader|divrplyfwdmsg|appendonsend|mail-editor-reference-message", re.IGNORECASE
)


def split_reply_html(html: str) -> SplitReply:
    """Split the HTML of an answer into texts; quotes are found by the marks of mailers.

    Knows Gmail (`gmail_quote`), Apple and Thunderbird (`blockquote type=cite`), Outlook
    (`OutlookMessageHeader`, `divRplyFwdMsg`, `appendonsend`), Yahoo, Yandex, Mail.ru, Proton.
    What has no mark is found in the text.
    """
    root = parse_html(html)
    if root is None:
        return SplitReply("", "", "")
    removed = _take_quotes(root)
    found = split_reply(tree_to_text(root))
    if not found.new and removed:
        return SplitReply(removed, "", "")
    quoted = "\n\n".join(part for part in (found.quoted, removed) if part)
    return SplitReply(found.new, quoted, found.signature)


def part_html(html: str) -> tuple[str, str]:
    """Part the HTML of an answer into what is new and what mailers mark as quoted.

    What its styles hide is left out, as it would be seen where styles are not kept. Neither part
    is safe to show.

    Returns:
        All as new when nothing would be left of it.
    """
    from lxml import html as lxml_html  # noqa: PLC0415 - 10 MB, for messages only

    def write(node: Any) -> str:  # noqa: ANN401 - lxml has no types
        return str(lxml_html.tostring(node, encoding="unicode", with_tail=False))

    root = parse_html(html)
    if root is None:
        return "", ""
    for node in [one for one in root.iter() if isinstance(one.tag, str)]:
        if node is not root and HIDDEN.search(node.get("style") or ""):
            _drop(node)
    whole = write(root)
    quoted = _take_quotes(root, write)
    has_new = bool(tree_to_text(root).strip()) or root.find(".//img") is not None
    return (write(root), quoted) if quoted and has_new else (whole, "")


def _take_quotes(root: Any, write: Callable[[Any], str] = tree_to_text) -> str:  # noqa: ANN401 - lxml has no types
    """Take quotes out of a tree; answer them as `write` makes them, their text by default."""
    taken: list[str] = []
    for node in [one for one in root.iter() if isinstance(one.tag, str)]:
        if not _is_quote(node) or not _is_inside(node, root):
            continue
        if _is_answered(node):
            continue
        if _MARKS_BEGIN.search(_names(node)):
            # A mark, and all that follows it is the quote.
            following = list(node.itersiblings())
            taken += [write(one) for one in (node, *following)]
            for one in (node, *following):
                _drop(one)
        else:
            taken.append(write(node))
            _drop(node)
    return "\n\n".join(part for part in taken if part)


def _names(node: Any) -> str:  # noqa: ANN401 - as above
    return f"{node.get('class') or ''} {node.get('id') or ''}"[:500]


def _is_quote(node: Any) -> bool:  # noqa: ANN401 - as above
    names = _names(node)
    cited = node.tag == "blockquote" and (node.get("type") or "").lower() == "cite"
    return cited or bool(_HOLDS.search(names) or _MARKS_BEGIN.search(names))


def _is_inside(node: Any, root: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether a node is still in the tree."""
    while node is not None and node is not root:
        node = node.getparent()
    return node is root


def _is_answered(node: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether somebody wrote between this quote and another one."""
    if node.tag != "blockquote":
        return False
    after = [node.tail or ""]
    for one in node.itersiblings():
        if _is_quote(one):
            return bool("".join(after).strip())
        after += [one.text_content() if hasattr(one, "text_content") else "", one.tail or ""]
    return False


def _drop(node: Any) -> None:  # noqa: ANN401 - as above
    """Take a node away and leave the text behind it."""
    parent = node.getparent()
    if parent is None:
        return
    before = node.getprevious()
    if node.tail and before is not None:
        before.tail = f"{before.tail or ''}{node.tail}"
    elif node.tail:
        parent.text = f"{parent.text or ''}{node.tail}"
    parent.remove(node)
