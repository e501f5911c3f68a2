"""From a campaign's texts to mails: check, compile, preview, render.

problems = composing.check(campaign)            # at save
preview = composing.preview(campaign, person)   # for the admin
mail = composing.render_test(campaign, person, "me@example.org")
edition = composing.freeze(campaign)            # at start, in its transaction
message = composing.CompiledMessage(edition)    # in a worker
mail = message.render(person)
"""

from newsletter.composing.checking import check, check_template
from newsletter.composing.compiled import CompiledMessage, RenderedMail, RenderError
from newsletter.composing.edition import EditionContent, compile_edition, freeze
from newsletter.composing.frames import ensure_builtin_templates
from newsletter.composing.people import Person
from newsletter.composing.previewing import Preview, preview, render_test
from newsletter.templating import TemplateProblem

__all__ = [
    "CompiledMessage",
    "EditionContent",
    "Person",
    "Preview",
    "RenderError",
    "RenderedMail",
    "TemplateProblem",
    "check",
    "check_template",
    "compile_edition",
    "ensure_builtin_templates",
    "freeze",
    "preview",
    "render_test",
]
