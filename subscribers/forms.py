"""What the public forms accept.

There are no cookies on public pages, so no CSRF cookie either. The sign-up form carries a signed
stamp instead, which says for which list and when it was shown: a robot that posts without having
looked, or at once, is asked again. The other forms stand behind a token that only the person has.
"""

import time
import unicodedata
from operator import itemgetter
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing

from subscribers import addresses
from subscribers.models import Subscriber, TrackingChoice

STAMP_SALT = "subscribers.forms.join"
QUICKEST = 1.0  # seconds; nobody reads and fills in the form faster
OLDEST = 60 * 60 * 24  # seconds; a page left open over night still works


def stamp(slug: str) -> str:
    """Return the proof that the form of this list was shown now."""
    return signing.dumps([slug, time.time()], salt=STAMP_SALT, compress=False)


class NameField(forms.CharField):
    """A person's name, on one line and without invisible control characters."""

    def __init__(self) -> None:
        super().__init__(max_length=200, required=False, label="Your name")

    def clean(self, value: Any) -> str:
        """Return the name; line ends and other controls become spaces."""
        text = "".join(
            " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
            for character in str(value or "")
        )
        return str(super().clean(" ".join(text.split())))


class JoinForm(forms.Form):
    """A sign-up. `cleaned_data["email"]` is an addresses.Address."""

    email = forms.CharField(max_length=320, label="Your e-mail address")
    name = NameField()
    tracking = forms.BooleanField(required=False)
    # Shown to nobody. Whatever fills it in is no person.
    website = forms.CharField(required=False)
    stamp = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, slug: str, data: Any = None) -> None:
        super().__init__(data, initial={"stamp": stamp(slug)})
        self.slug = slug

    @property
    def is_robot(self) -> bool:
        """Say whether the field that people can't see was filled in."""
        return bool(self.data.get("website"))

    def clean_email(self) -> addresses.Address:
        """Check and normalise the address."""
        try:
            return addresses.parse(self.cleaned_data["email"])
        except addresses.BadAddress as error:
            raise forms.ValidationError(f"Please look at the address: {error}.") from None

    def clean(self) -> None:
        """Ask a form that was not shown, or was answered faster than people do, again."""
        try:
            slug, shown = signing.loads(self.cleaned_data.get("stamp", ""), salt=STAMP_SALT)
        except signing.BadSignature:
            slug, shown = None, 0.0
        age = time.time() - shown
        if slug != self.slug or age > OLDEST:
            self.data = {**dict(self.data.items()), "stamp": stamp(self.slug)}
            raise forms.ValidationError(
                "This page was open for too long. Please press the button once more."
            )
        if age < QUICKEST:
            raise forms.ValidationError("That was quick. Please press the button once more.")


class PreferencesForm(forms.Form):
    """What a person may change about themselves. Lists are apart, since they are consent."""

    name = NameField()
    language = forms.ChoiceField(
        required=False,
        label="Language",
        choices=[("", "No preference"), *sorted(settings.LANGUAGES, key=itemgetter(1))],
    )
    tracking = forms.ChoiceField(required=False, choices=TrackingChoice.choices)

    def __init__(self, subscriber: Subscriber, data: Any = None) -> None:
        super().__init__(
            data,
            initial={
                "name": subscriber.name,
                "language": subscriber.language.lower(),
                "tracking": subscriber.tracking,
            },
        )
        # An import may have brought a language that Django has no name for: it stays a choice.
        language = subscriber.language
        choices = self.fields["language"].choices  # type: ignore[attr-defined]
        if language and language.lower() not in dict(choices):
            self.fields["language"].choices = [*choices, (language.lower(), language)]  # type: ignore[attr-defined]
