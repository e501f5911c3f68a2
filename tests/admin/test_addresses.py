"""What is typed into addresses."""

import pytest

from newsletter.admin.addresses import number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17", 17),
        ("017", 17),
        ("", 0),
        ("-1", 0),
        ("1.5", 0),
        ("no-number", 0),
        ("٣", 0),  # a digit elsewhere
        ("²", 0),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), 2**63 - 1),
        ("9" * 1_000_000, 2**63 - 1),  # Python refuses to read that many
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_number_in_an_address(text, expected):
    assert number(text) == expected
