"""How numbers are written and coloured where there is little room."""

import pytest

from newsletter.admin.report_charts import HEATS, cell
from newsletter.templatetags.broadsheet import compact


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (42_898, "43k"),
        (999_499, "999k"),
        (999_500, "1.0m"),
        (12_340_000, "12.3m"),
    ],
)
def test_long_numbers_are_rounded(number, words):
    assert compact(number) == words


def test_an_hour_is_as_warm_as_it_was_busy():
    heats = [cell(number, 1_000_000).heat for number in (0, 1, 50_000, 400_000, 1_000_000)]

    assert heats == [0, 1, 2, 4, HEATS]
    assert cell(0, 0).heat == 0
