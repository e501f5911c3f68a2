"""Who may be a second reader of one copy: what one person hardly does, and nothing less."""

import pytest

from tracking.second_readers import STEADY, Sighting, has_second_reader

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/140.0 Mobile"
HOME, OFFICE, HOME6 = "192.0.2.0", "198.51.100.0", "2001:db8:1::"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([(HOME, WINDOWS, STEADY), (OFFICE, MAC, STEADY)], True),
        ([(HOME, IPHONE, STEADY), (OFFICE, ANDROID, STEADY)], True),
        ([(HOME, WINDOWS, STEADY), (OFFICE, IPHONE, STEADY)], False),  # one person's telephone
        ([(HOME, WINDOWS, STEADY), (HOME, MAC, STEADY)], False),  # one household
        ([(HOME, WINDOWS, STEADY), (OFFICE, WINDOWS, STEADY)], False),  # one portable computer
        ([(HOME, WINDOWS, STEADY), (OFFICE, MAC, STEADY - 1)], False),  # once is chance
        ([(HOME, WINDOWS, STEADY), (OFFICE, MAC, 2), ("203.0.113.0", MAC, 1)], True),
        ([(HOME, WINDOWS, STEADY), (HOME6, MAC, STEADY)], False),  # perhaps one household
        ([(HOME, WINDOWS, STEADY), (OFFICE, MAC, STEADY), (HOME, MAC, 1)], False),
        ([("", WINDOWS, STEADY), ("", MAC, STEADY)], False),
        ([(HOME, "curl/8", STEADY), (OFFICE, "Wget", STEADY)], False),
        ([], False),
    ],
)
def test_a_second_reader(seen, expected):
    assert has_second_reader([Sighting(*what) for what in seen]) is expected
