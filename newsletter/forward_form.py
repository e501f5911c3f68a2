"""What the page for forwarding a mail accepts.

Name and note are shown to somebody who did not ask for them, in a mail that we vouch for, so they
hold nothing that leads anywhere: no web address, no mail address.
"""

import re
import time
import unicodedata
from typing import Any

from django import forms
from django.core import signing

from subscribers import addresses
from subscribers.forms import OLDEST, QUICKEST, NameField
from tracking import forwards

STAMP_SALT = "newsletter.forward_form"
LONGEST_NAME = 80  # characters
LONGEST_NOTE = 300  # characters

# What mail programs make a link of, or people would type in: a scheme, a mail address, a name with
# a dot and letters behind it (not "10.30" or "e.g."), the digits of a host.
_LEADS_AWAY = re.compile(
    r"\S*(?:[a-z][a-z0-9+-]*:/|[^\s@]@[^\s@]|\bwww\b\.?|[^\W_]\.[^\W\d_]{2,}|(?:\d{1,3}\.){3}\d)\S*",
    re.IGNORECASE,
)
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def stamp(campaign_id: int, subscriber_id: int) -> str:
    """Return the proof that the form of this mail was shown now."""
    return signing.dumps([campaign_id, subscriber_id, time.time()], salt=STAMP_SALT, compress=False)


class ForwardForm(forms.Form):
    """Up to five friends, and what their mail says of who sends it.

    `cleaned_data["friends"]` is a list of addresses.Address, each once.
    """

    sender = NameField()
    note = forms.CharField(required=False, max_length=LONGEST_NOTE, strip=True)
    # Shown to nobody. Whatever fills it in is no person.
    website = forms.CharField(required=False)
    stamp = forms.CharField(required=False)

    def __init__(self, campaign_id: int, subscriber_id: int, data: Any = None) -> None:
        super().__init__(data)
        self._about = [campaign_id, subscriber_id]
        self.new_stamp = stamp(campaign_id, subscriber_id)
        given = data.getlist("friend") if data is not None else []
        # Several in one field, as people paste them.
        parts = [part for field in given for part in re.split(r"[,;\s]+", field)]
        self.friends = [part for part in parts if part]
        self.wrong: dict[int, str] = {}  # field -> what is wrong with it

    @property
    def is_robot(self) -> bool:
        """Say whether the field that people can't see was filled in."""
        return bool(self.data.get("website"))

    @property
    def fields_shown(self) -> list[tuple[int, str, str]]:
        """Return number, text and mistake of each field for a friend."""
        shown = self.friends[: forwards.AT_ONCE]
        shown += [""] * (forwards.AT_ONCE - len(shown))
        return [(number, text, self.wrong.get(number, "")) for number, text in enumerate(shown)]

    def clean_sender(self) -> str:
        """Return the name, on one line."""
        name: str = self.cleaned_data["sender"]
        if len(name) > LONGEST_NAME:
            raise forms.ValidationError(f"Please use at most {LONGEST_NAME} characters.")
        return _without_links(name)

    def clean_note(self) -> str:
        """Return the note; its lines stay."""
        lines = self.cleaned_data["note"].splitlines()
        return _without_links("\n".join(_visible(line) for line in lines).strip())

    def clean(self) -> None:
        """Look at the friends, and ask a form that was not shown, or answered at once, again."""
        self.cleaned_data["friends"] = self._read_friends()
        try:
            *about, shown = signing.loads(self.cleaned_data.get("stamp", ""), salt=STAMP_SALT)
        except signing.BadSignature:
            about, shown = [], 0.0
        age = time.time() - shown
        if about != self._about or age > OLDEST:
            raise forms.ValidationError(
                "This page was open for too long. Please press the button once more."
            )
        if age < QUICKEST:
            raise forms.ValidationError("That was quick. Please press the button once more.")

    def _read_friends(self) -> list[addresses.Address]:
        if not self.friends:
            self.wrong[0] = "Please give the address of a friend."
        if len(self.friends) > forwards.AT_ONCE:
            self.wrong[0] = f"Please give at most {forwards.AT_ONCE} addresses at a time."
        read: dict[str, addresses.Address] = {}
        for number, text in enumerate(self.friends[: forwards.AT_ONCE]):
            try:
                address = addresses.parse(text)
            except addresses.BadAddress as error:
                self.wrong[number] = f"Please look at the address: {error}."
            else:
                read.setdefault(address.key, address)
        if self.wrong:
            raise forms.ValidationError("Please look at what is marked below.")
        return list(read.values())


def _visible(text: str) -> str:
    return " ".join(
        "".join(c for c in text if c in "\t\n" or unicodedata.category(c) not in _INVISIBLE).split()
    )


def _without_links(text: str) -> str:
    """Return `text`. Raises ValidationError when something in it leads anywhere."""
    # Compatibility forms are folded first: a full-width dot makes a host name as well.
    found = _LEADS_AWAY.search(unicodedata.normalize("NFKC", _visible(text)).replace("。", "."))
    if found:
        raise forms.ValidationError(
            f"Please leave out web and mail addresses: “{found[0][:40]}” looks like one."
        )
    return text
