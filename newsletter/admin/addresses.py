"""Reads the addresses of pages, in which anybody may type anything."""

_LARGEST = 2**63 - 1  # of a row


def number(text: str) -> int:
    """Return the number that stands in an address or a form; 0 for anything else.

    Never more than a column of numbers can hold, and no more work for a text of a million digits.
    """
    return min(int(text[:20]), _LARGEST) if text.isascii() and text.isdecimal() else 0
