"""Templates: the frames around campaigns, with a preview of a sample in each."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from newsletter import composing
from newsletter.admin import preview
from newsletter.admin.listing import Listing, badge, moment
from newsletter.admin.pages import permitted
from newsletter.models import Template


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """A template, tried with a sample before it is stored."""

    class Meta:
        model = Template
        fields = ("name", "description", "is_default", "html")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "html" in self.fields:
            attributes = self.fields["html"].widget.attrs
            attributes["class"] = f"{attributes.get('class', '')} bs-code"
            attributes |= {"rows": 24, "spellcheck": "false"}

    def clean_html(self) -> str:
        """Refuse what would not work in a campaign, with line and reason."""
        html: str = self.cleaned_data["html"]
        problems = composing.check_template(html)
        if problems:
            raise ValidationError([ValidationError(str(problem)) for problem in problems])
        return html

    def clean_is_default(self) -> bool:
        """Refuse a second default, naming the first."""
        wanted: bool = self.cleaned_data["is_default"]
        other = Template.objects.filter(is_default=True).exclude(pk=self.instance.pk).first()
        if wanted and other:
            raise ValidationError(f"“{other}” is the default now: take that off first.")
        return wanted


@admin.register(Template)
class TemplateAdmin(Listing):
    """Edit own templates; those that come with the product are looked at and duplicated."""

    form = TemplateForm
    change_form_template = "admin/newsletter/template/change_form.html"
    list_display = ("title", "kind", "used", "changed")
    search_fields = ("name",)
    fields = ("name", "description", "is_default", "html")

    def has_change_permission(self, request: HttpRequest, obj: Template | None = None) -> bool:
        """Refuse for those that come with the product: an update may replace them."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and not (obj and obj.is_builtin)

    def has_delete_permission(self, request: HttpRequest, obj: Template | None = None) -> bool:
        """Refuse for those that come with the product."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (obj and obj.is_builtin)

    @admin.display(description="Template", ordering="name")
    def title(self, template: Template) -> SafeString:
        """Show name and description."""
        return format_html(
            '<span class="bs-person"><span><strong>{}</strong><small>{}</small></span></span>',
            template.name,
            template.description,
        )

    @admin.display(description="Kind")
    def kind(self, template: Template) -> SafeString:
        """Show whether it came with the product."""
        return badge("Built in", "blue") if template.is_builtin else badge("Own")

    @admin.display(description="Default", ordering="is_default")
    def used(self, template: Template) -> SafeString | str:
        """Show whether campaigns without a template get this one."""
        return badge("Default", "green") if template.is_default else ""

    @admin.display(description="Changed", ordering="changed_at")
    def changed(self, template: Template) -> SafeString | str:
        """Show when it was last stored."""
        return moment(template.changed_at)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with a copy of the default, since a frame is long to write from nothing."""
        default = Template.objects.filter(is_default=True).first()
        return {"html": default.html if default else ""}

    def form_context(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """Return what the preview needs."""
        return {
            "preview_people": preview.people(),
            "preview_url": reverse("admin:newsletter_campaign_preview_template"),
        }

    def get_urls(self) -> list[URLPattern]:
        """Add the button that duplicates."""
        own = path(
            "<int:template_id>/duplicate/",
            permitted(duplicate, "newsletter.add_template"),
            name="newsletter_template_duplicate",
        )
        return [own, *super().get_urls()]


@require_POST
def duplicate(request: HttpRequest, template_id: int) -> HttpResponse:
    """Make a copy that can be edited."""
    original = get_object_or_404(Template, pk=template_id)
    names = set(Template.objects.values_list("name", flat=True))
    number = 1
    while (name := f"{original.name[:90]} ({number})") in names:
        number += 1
    copy = Template.objects.create(name=name, description=original.description, html=original.html)
    messages.success(request, f"“{copy}” is a copy that you can change.")
    return HttpResponseRedirect(reverse("admin:newsletter_template_change", args=[copy.pk]))
