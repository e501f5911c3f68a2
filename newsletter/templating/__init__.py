"""The Jinja2 that marketers write: safe to run, limited in its cost, and plain about errors.

Promise: a campaign's text can reach nothing but the values that it is given, and can't take a
process down. What it may name is a short list (filters.py, rules.py); what it may cost is a budget
that every loop, call, joined text and buffer draws on (sandbox.py). Both hold wherever a template
is rendered; at save it is tried in a process of its own besides (trial.py).

Imports nothing of Django, so that the process that tries templates starts quickly.
"""

from newsletter.templating.problems import TemplateProblem, explain
from newsletter.templating.sandbox import (
    CampaignContext,
    CampaignEnvironment,
    compile_source,
    html_environment,
    text_environment,
)

__all__ = [
    "CampaignContext",
    "CampaignEnvironment",
    "TemplateProblem",
    "compile_source",
    "explain",
    "html_environment",
    "text_environment",
]
