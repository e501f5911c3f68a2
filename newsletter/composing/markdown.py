"""Markdown to HTML, with Jinja2's tags kept as they are, and buttons.

`[Read on](https://example.org){.button}` gives a link a class. A button that is a paragraph of its
own is laid out as a table, because Outlook gives no padding to a link.
"""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from newsletter.composing.shield import Shield
from newsletter.templating.pieces import split

_CLASS = re.compile(r"^\{\.([a-zA-Z][a-zA-Z0-9_-]*)\}")
_BUTTON_OPENS = (
    '<table role="presentation" class="button-row" border="0" cellpadding="0" cellspacing="0">'
    '<tr><td class="button-cell">'
)
_BUTTON_CLOSES = "</td></tr></table>\n"


def to_html(source: str) -> str:
    """Turn Markdown with Jinja2 into HTML with Jinja2. Raises TemplateProblem."""
    shield = Shield(split(source))
    html: str = _parser().render(shield.markdown())
    return shield.restore(_one_list_for_a_loop(html, shield))


def _one_list_for_a_loop(html: str, shield: Shield) -> str:
    """Move a loop that makes nothing but list items into the list, which else begins each time."""

    def swap(match: re.Match[str]) -> str:
        begin, tag, items, end = match["begin"], match["tag"], match["items"], match["end"]
        statements = [shield.tags[int(number)].expression for number in (match["b"], match["e"])]
        if not statements[0].startswith("for ") or statements[1] != "endfor":
            return match[0]
        return f"<{tag}>\n{begin}\n{items}{end}\n</{tag}>"

    word = shield.token.pattern
    return re.sub(
        rf"(?P<begin><!--{word.replace('(', '(?P<b>', 1)}-->)\n<(?P<tag>ul|ol)>\n"
        rf"(?P<items>(?:(?!</?(?:ul|ol)>|<!--).)*)</(?P=tag)>\n"
        rf"(?P<end><!--{word.replace('(', '(?P<e>', 1)}-->)",
        swap,
        html,
        flags=re.DOTALL,
    )


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.core.ruler.push("classes", _give_classes)
    parser.core.ruler.push("button_rows", _lay_out_buttons)
    return parser


def _give_classes(state: StateCore) -> None:
    for block in state.tokens:
        link: Token | None = None
        opened: list[Token] = []
        for token in block.children or []:
            if token.type == "link_open":
                opened.append(token)
            elif token.type == "link_close":
                link = opened.pop()
                continue
            elif token.type == "text" and link is not None:
                found = _CLASS.match(token.content)
                if found:
                    link.attrJoin("class", found[1])
                    token.content = token.content[found.end() :]
            link = None


def _lay_out_buttons(state: StateCore) -> None:
    for number, token in enumerate(state.tokens):
        if token.type == "inline" and _is_button(token.children or []):
            _replace(state.tokens[number - 1], _BUTTON_OPENS)
            _replace(state.tokens[number + 1], _BUTTON_CLOSES)


def _is_button(children: Sequence[Token]) -> bool:
    told = [token for token in children if token.type != "text" or token.content.strip()]
    return (
        len(told) > 1
        and told[0].type == "link_open"
        and "button" in str(told[0].attrGet("class") or "").split()
        and told[-1].type == "link_close"
        and sum(token.type == "link_open" for token in told) == 1
    )


def _replace(paragraph: Token, html: str) -> None:
    if paragraph.type in ("paragraph_open", "paragraph_close"):
        paragraph.type, paragraph.content, paragraph.hidden = "html_block", html, False
