"""What a template may hold, read off its source and its tree before anything of it runs."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

from newsletter.templating import limits
from newsletter.templating.filters import FILTERS_ALLOWED, TESTS_ALLOWED
from newsletter.templating.problems import TemplateProblem

# What the parts of a campaign may name, with the fields of each group. None: anything.
ORGANISATION = {"name", "postal_address", "contact_email", "website"}
SUBSCRIBER = {"id", "name", "first_name", "email", "language", "attributes"}
SUBJECT_NAMES: dict[str, set[str] | None] = {
    "subscriber": SUBSCRIBER,
    "organisation": ORGANISATION,
}
BODY_NAMES: dict[str, set[str] | None] = {
    **SUBJECT_NAMES,
    "campaign": {"subject", "preheader"},
    "subject": None,
    "preheader": None,
    "unsubscribe_url": None,
    "preferences_url": None,
    "forward_url": None,
}
FRAME_NAMES: dict[str, set[str] | None] = {**BODY_NAMES, "content": None, "footer": None}
_RESERVED = frozenset(FRAME_NAMES)
_FUNCTIONS = frozenset(("range", "loop", "caller", "varargs", "kwargs"))

_FORBIDDEN: dict[type[nodes.Node], str] = {
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
}


def check_source(source: str) -> None:
    """Refuse what is too long to be looked at any closer. Raises TemplateProblem."""
    if len(source) > limits.SOURCE:
        raise TemplateProblem(f"The text is longer than {limits.SOURCE:,} characters.")
    if "\0" in source:
        line = source[: source.index("\0")].count("\n") + 1
        raise TemplateProblem("There is a NUL character here. Delete it.", line)
    if source.count("{{") + source.count("{%") + source.count("{#") > limits.TAGS:
        raise TemplateProblem(f"There are more than {limits.TAGS:,} tags in the text.")


def check_tree(tree: nodes.Template) -> None:
    """Refuse nodes that are not for campaigns. Raises TemplateSyntaxError."""
    for node, depth, loops in _walk(tree):
        if depth > limits.DEPTH or loops > limits.LOOPS_DEEP:
            raise TemplateSyntaxError("This is nested too deeply", node.lineno)
        word = _FORBIDDEN.get(type(node))
        if word:
            raise TemplateSyntaxError(f"“{word}” is not for campaigns", node.lineno)
        if isinstance(node, nodes.For) and node.recursive:
            raise TemplateSyntaxError("“recursive” is not for campaigns", node.lineno)
        _check_words(node)


def check_names(tree: nodes.Template, known: dict[str, set[str] | None]) -> list[TemplateProblem]:
    """Return a problem for each name that nothing is known of, or that is taken."""
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    own |= {node.name for node in tree.find_all(nodes.Macro)}
    problems = []
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and not (
            node.name in known or node.name in own or node.name in _FUNCTIONS
        ):
            problems.append(_unknown(node.name, node.lineno, set(known)))
        elif node.ctx != "load" and node.name in _RESERVED:
            problems.append(
                TemplateProblem(
                    f"“{node.name}” already means something. Take another name.", node.lineno
                )
            )
    return problems + _unknown_fields(tree, known)


def _unknown_fields(
    tree: nodes.Template, known: dict[str, set[str] | None]
) -> list[TemplateProblem]:
    problems = []
    lookups: list[nodes.Getattr | nodes.Getitem] = [
        *tree.find_all(nodes.Getattr),
        *tree.find_all(nodes.Getitem),
    ]
    for node in lookups:
        if not isinstance(node.node, nodes.Name):
            continue
        group, fields = node.node.name, known.get(node.node.name)
        field = _field(node)
        if fields is None or field is None or field in fields:
            continue
        hint = (
            f" Attributes are written {group}.attributes.{field}." if group == "subscriber" else ""
        )
        problems.append(
            _unknown(f"{group}.{field}", node.lineno, {f"{group}.{name}" for name in fields}, hint)
        )
    return problems


def _field(node: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return node.arg.value
    return None


def _unknown(name: str, line: int, known: set[str], hint: str = "") -> TemplateProblem:
    close = get_close_matches(name, known, n=1, cutoff=0.75)
    advice = f" Did you mean “{close[0]}”?" if close else ""
    advice += hint or ("" if close else f" These are known: {', '.join(sorted(known))}.")
    return TemplateProblem(f"“{name}” is not known.{advice}", line)


def _check_words(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter) and node.name not in FILTERS_ALLOWED:
        raise TemplateSyntaxError(_not_there("filter", node.name, FILTERS_ALLOWED), node.lineno)
    if isinstance(node, nodes.Test) and node.name not in TESTS_ALLOWED:
        raise TemplateSyntaxError(_not_there("test", node.name, TESTS_ALLOWED), node.lineno)
    name = getattr(node, "attr", None) or (node.name if isinstance(node, nodes.Name) else "")
    if isinstance(name, str) and name.startswith("_"):
        raise TemplateSyntaxError("Names that begin with “_” are private", node.lineno)


def _not_there(what: str, name: str, known: dict[str, Any]) -> str:
    close = get_close_matches(name, known, n=1)
    advice = f"Did you mean “{close[0]}”?" if close else f"There are: {', '.join(sorted(known))}"
    return f"There is no {what} “{name}” for campaigns. {advice}"


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int, int]]:
    """Yield each node with its depth and the loops around it. No recursion: a tree may be deep."""
    waiting = [(tree, 0, 0)]
    while waiting:
        node, depth, loops = waiting.pop()
        yield node, depth, loops
        inner = loops + isinstance(node, nodes.For)
        waiting += [(child, depth + 1, inner) for child in node.iter_child_nodes()]


class Guard(NodeTransformer):
    """Wraps what can grow in the internal filters that count it (filters.py)."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """Count turns, each with the text that it puts out unchanged."""
        weight = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        node.iter = _filter("turns of", node.iter, weight)  # type: ignore[arg-type]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """Count what `~` makes."""
        self.generic_visit(node)
        return _filter("joined text", nodes.Tuple(node.nodes, "load", lineno=node.lineno))

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """Weigh a list that the template makes."""
        self.generic_visit(node)
        return _filter("weighed value", node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        """Weigh a group that the template makes."""
        self.generic_visit(node)
        return _filter("weighed value", node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """Weigh a tuple, unless it names what is assigned to."""
        self.generic_visit(node)
        return node if node.ctx != "load" else _filter("weighed value", node)


def _filter(name: str, value: nodes.Expr, *arguments: Any) -> nodes.Filter:
    constants: list[nodes.Expr] = [nodes.Const(item, lineno=value.lineno) for item in arguments]
    node = nodes.Filter(value, name, constants, [], None, None, lineno=value.lineno)
    if value.environment is not None:
        node.set_environment(value.environment)
    return node
