"""The environments in which campaigns are compiled and rendered.

ImmutableSandboxedEnvironment keeps a template away from Python's insides, but sets no limit to what
it may cost. So what it may touch is narrowed further, to a list of attributes for each type of
value; and everything that can grow (loops, `~`, `+`, buffers, calls) draws on a budget, which lives
in the context of one rendering.
"""

from typing import Any, NoReturn

from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from newsletter.templating import limits, rules
from newsletter.templating.filters import (
    FILTERS_ALLOWED,
    FILTERS_INTERNAL,
    TESTS_ALLOWED,
    finalize,
    plain,
)
from newsletter.templating.limits import Budget, Buffer, weigh
from newsletter.templating.problems import LimitReached, explain, missing_value

_TEXT = frozenset(
    (
        *("lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip"),
        *("startswith", "endswith", "split"),
    )
)
_LOOP = frozenset(
    (
        *("index", "index0", "revindex", "revindex0", "first", "last", "length"),
        *("previtem", "nextitem", "cycle", "changed"),
    )
)
_GROUP = frozenset(["items", "keys", "values", "get"])
_ATTRIBUTES: dict[type, frozenset[str]] = {
    str: _TEXT,
    Markup: _TEXT,
    LoopContext: _LOOP,
    dict: _GROUP,
}


class Missing(Undefined):
    """A value that is not there: empty in `if` and `for`.

    Printed, it is empty when it is one of a group that a person's group does not have: attributes
    are as people's files have them, and who lacks one still gets their mail. Anything else is an
    error: a misspelt name is unknown to everybody.
    """

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return missing_value(self)

    def __str__(self) -> str:
        if isinstance(self._undefined_obj, dict):
            return ""
        return self._fail_with_undefined_error()

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> "Missing":  # type: ignore[override]
        return self


class CampaignContext(Context):
    """The values of one rendering, and its budget. Cheap to make: one for each mail."""

    environment: "CampaignEnvironment"

    def __init__(
        self,
        environment: "CampaignEnvironment",
        parent: dict[str, Any],
        name: str | None = None,
        blocks: Any = None,
        globals: Any = None,
    ) -> None:
        self.parent = parent
        self.vars: dict[str, Any] = {}
        self.environment = environment
        self.eval_ctx = environment.evaluation
        self.exported_vars: set[str] = set()
        self.name = name
        self.blocks = {}
        self.globals_keys = set()
        self.budget = Budget()


class BudgetedCode(CodeGenerator):
    """Jinja2's compiler, with buffers that count what goes into them."""

    def buffer(self, frame: Frame) -> None:
        """Start gathering output."""
        frame.buffer = self.temporary_identifier()
        self.writeline(f"{frame.buffer} = environment.new_buffer(context)")


class CampaignEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2 for marketers."""

    code_generator_class = BudgetedCode
    context_class = CampaignContext
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, *, html: bool) -> None:
        super().__init__(
            autoescape=html,
            undefined=Missing,
            finalize=finalize,
            cache_size=0,
            keep_trailing_newline=True,
        )
        self.filters = {**FILTERS_ALLOWED, **FILTERS_INTERNAL}
        if not html:
            self.filters.update(e=plain, escape=plain)
        self.tests = dict(TESTS_ALLOWED)
        self.globals = {"range": _range}
        self.evaluation = EvalContext(self)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        rules.check_source(source)
        tree = super()._parse(source, name, filename)
        rules.check_tree(tree)
        return self.prepare(tree)

    def prepare(self, tree: nodes.Template) -> nodes.Template:
        """Put the budget's checks into a tree that passed the rules."""
        return rules.Guard().visit(tree)  # type: ignore[no-any-return]

    @staticmethod
    def new_buffer(context: CampaignContext) -> Buffer:
        """Return what a block gathers its output in. Called by compiled templates."""
        return Buffer(context.budget)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute`. A group's own values come before its methods."""
        kind = type(obj)
        if kind is dict and attribute in obj:
            return obj[attribute]
        if attribute in _ATTRIBUTES.get(kind, ()):
            return getattr(obj, attribute)
        if kind is dict:
            return Missing(obj=obj, name=attribute)
        if kind is Missing:
            return obj
        return _refuse(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return `obj[argument]`, from texts, lists and groups only."""
        if isinstance(obj, Missing):
            return obj
        if not isinstance(obj, dict | list | tuple | str):
            return _refuse(obj, argument)
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return Missing(obj=obj, name=str(argument))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a macro or one of the few functions that can be reached."""
        __context.budget.step()
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate, with numbers that stay small; put texts and lists together."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "+":
            if not numbers:
                _pay_for_sum(context.budget, left, right)
        elif isinstance(left, Undefined) or isinstance(right, Undefined):
            raise LimitReached(missing_value(left if isinstance(left, Undefined) else right))
        elif not numbers:
            raise LimitReached(f"“{operator}” works with numbers only.")
        elif operator != "%":
            _refuse_giants(operator, left, right)
        return super().call_binop(context, operator, left, right)


def _pay_for_sum(budget: Budget, left: Any, right: Any) -> None:
    for side in (left, right):
        if isinstance(side, Undefined):
            raise LimitReached(missing_value(side))
        if isinstance(side, list | tuple):
            weigh(side)
        else:
            budget.produce(len(str(side)))


def _refuse_giants(operator: str, left: float, right: float) -> None:
    too_much = (
        max(abs(left), abs(right)) > limits.NUMBER
        if operator == "*"
        else abs(left) > 10**6 or abs(right) > 20
    )
    if too_much:
        raise LimitReached(f"The numbers are too large for “{operator}”.")


def _refuse(obj: Any, attribute: Any) -> NoReturn:
    raise SecurityError(f"“.{attribute}” can't be used here: it is no value of a campaign's.")


def _range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > limits.RANGE:
        raise LimitReached(f"“range” gives at most {limits.RANGE:,} numbers.")
    return numbers


def compile_source(environment: CampaignEnvironment, source: str, field: str = "") -> Template:
    """Compile a text. Raises TemplateProblem with its line."""
    try:
        return environment.from_string(source)
    except Exception as error:  # whatever it is, the source is what is wrong
        raise explain(error, field=field) from error


html_environment = CampaignEnvironment(html=True)
text_environment = CampaignEnvironment(html=False)
