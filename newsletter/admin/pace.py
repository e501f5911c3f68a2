"""How fast a campaign goes, and when: fields of its draft, and a form while it runs.

What they mean is in newsletter/sending: pace.py and windows.py.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST
from unfold.widgets import INPUT_CLASSES

from newsletter import campaigns, wording
from newsletter.admin.sending import attempt, to_progress
from newsletter.models import Campaign

FIELDS = ("throttle", "send_days", "send_from", "send_until")
DAYS = tuple(enumerate(wording.DAYS, start=1))  # ISO: 1 is Monday
_LARGEST = 2**31 - 1  # that the column holds
_LOOKS = {"class": " ".join(INPUT_CLASSES)}


def _clock(label: str) -> forms.TimeField:
    widget = forms.TimeInput(format="%H:%M", attrs={**_LOOKS, "type": "time"})
    return forms.TimeField(label=label, required=False, widget=widget)


class PaceFields(forms.Form):
    """The fields, for a form of their own and for that of a draft."""

    throttle = forms.IntegerField(
        label="Mails a minute",
        required=False,
        min_value=1,
        max_value=_LARGEST,
        widget=forms.NumberInput(attrs={**_LOOKS, "placeholder": "No limit"}),
    )
    send_days = forms.TypedMultipleChoiceField(
        label="On these days", choices=DAYS, coerce=int, required=False
    )
    send_from = _clock("Not before")
    send_until = _clock("Not after")

    @property
    def days(self) -> list[tuple[int, str, bool]]:
        """The days of the week, each with whether it is ticked. None chosen means all."""
        chosen = {str(value) for value in self["send_days"].value() or []}
        return [(number, name, not chosen or str(number) in chosen) for number, name in DAYS]

    def clean_send_days(self) -> list[int]:
        """Return the days; none when it is every day."""
        days = sorted(set(self.cleaned_data["send_days"]))
        return [] if len(days) == len(DAYS) else days

    def clean_send_until(self) -> Any:
        """Refuse hours that begin and end at once. Over midnight is fine."""
        until = self.cleaned_data["send_until"]
        if until and until == self.cleaned_data.get("send_from"):
            raise forms.ValidationError(
                "It would end when it begins. Leave both empty for all day."
            )
        return until


class PaceForm(PaceFields):
    """The pace of a campaign that has left draft."""

    @classmethod
    def of(cls, campaign: Campaign) -> "PaceForm":
        """Return the form with the present values."""
        return cls(initial={name: getattr(campaign, name) for name in FIELDS}, auto_id="pace_%s")


@require_POST
def change(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Change the pace of a campaign on its way."""
    form = PaceForm(request.POST)
    if not form.is_valid():
        for name, errors in form.errors.items():
            label = form.fields[name].label if name in form.fields else ""
            messages.error(request, f"The pace was not changed. {label}: {errors[0]}")
        return to_progress(campaign_id)
    if attempt(request, lambda: campaigns.set_pace(campaign_id, **form.cleaned_data)):
        messages.success(request, "The pace is changed. Workers follow within two seconds.")
    return to_progress(campaign_id)
