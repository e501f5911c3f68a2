"""Rates of many campaigns: what is known, what is best, and what is put together."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import now

from newsletter import rates, trends
from newsletter.exporting import rates_csv
from newsletter.models import Campaign, CampaignSum
from newsletter.rates import Asked, Counting, Measure, Ratio, Row
from newsletter.trends import Step
from tests.factories import make_campaign, make_list
from tracking.models import CampaignTotal

DAY = timedelta(days=1)
NOON = datetime(2026, 6, 1, 12, tzinfo=ZoneInfo("UTC"))


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def row(number: int, part: int | None, **fields) -> Row:
    """Make a campaign whose every rate is `part` of a thousand."""
    ratio = None if part is None else Ratio(part, 1000)
    return Row(
        **{
            "campaign_id": number,
            "subject": f"Issue {number}",
            "sender": "us@example.org",
            "at": NOON + number * DAY,
            "size": 1000,
            "sent": 1000,
            "list_ids": frozenset({1}),
            "ratios": dict.fromkeys(Measure, ratio),
            "is_settled": True,
            **fields,
        }
    )


def sent(days: float = 10, lists=None, audience: int = 1000, **counts) -> Campaign:
    """Make a campaign that was sent so many days ago, with its sums."""
    sums = {name: counts.pop(name) for name in ("failed", "leavers", "forwards") if name in counts}
    sender = counts.pop("sender", "")
    campaign = make_campaign(
        status=Campaign.Status.FINISHED,
        started_at=now() - days * DAY,
        audience_size=audience,
        from_email=sender,
        lists=lists,
    )
    CampaignSum.objects.create(campaign=campaign, **{"sent": audience, "summed_at": now(), **sums})
    CampaignTotal.objects.create(campaign_id=campaign.pk, **counts)
    return campaign


def found(**asked) -> list[Row]:
    return trends.find(Asked(**asked), now()).rows


# --- which rates ---


@pytest.mark.django_db
def test_rates_of_a_campaign():
    sent(
        failed=1000,
        leavers=10,
        forwards=5,
        opens=900,
        unique_opens=400,
        clicks=300,
        unique_clicks=100,
    )

    [campaign] = found()

    assert {measure.value: campaign.rate(measure) for measure in Measure} == {
        "delivered": 0.5,
        "opened": 0.4,
        "clicked": 0.1,
        "click_to_open": 0.25,
        "unsubscribed": 0.01,
        "forwarded": 0.005,
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("counting", "opened"),
    [
        (Counting.PEOPLE, 0.2),
        (Counting.TIMES, 0.5),
        (Counting.ALL, 1.2),
        (Counting.MACHINES, 0.6),
    ],
)
def test_whose_opens_are_counted(counting, opened):
    sent(opens=500, unique_opens=200, machine_opens=700, unique_machine_opens=600)

    [campaign] = found(counting=counting)

    assert campaign.rate(Measure.OPENED) == opened


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("choice", "known"),
    [
        ("individual", {"people", "times", "all", "machines"}),
        ("aggregate", {"times", "all"}),
        ("off", set()),
    ],
)
def test_what_lists_keep_from_us_is_unknown_and_no_zero(choice, known):
    lists = [make_list(tracking="individual"), make_list(tracking=choice)]
    sent(lists=lists, opens=500, unique_opens=20, machine_opens=9, unique_machine_opens=9)

    rows = {counting: found(counting=counting)[0] for counting in Counting}

    assert {name for name, each in rows.items() if each.ratios[Measure.OPENED]} == known
    assert all(each.rate(Measure.DELIVERED) == 1 for each in rows.values())


@pytest.mark.django_db
def test_a_mail_that_nobody_opened_has_no_click_to_open_rate():
    sent(clicks=3, unique_clicks=3)

    [campaign] = found()

    assert campaign.rate(Measure.CLICK_TO_OPEN) is None


# --- which campaigns ---


@pytest.mark.django_db
def test_filters():
    news, tips = make_list(), make_list()
    old = sent(lists=[news], days=400)
    small = sent(lists=[news], audience=3)
    other = sent(lists=[tips], sender="others@example.org", days=5)
    make_campaign(status=Campaign.Status.RUNNING, started_at=now(), lists=[news])

    def ids(**asked) -> set[int]:
        return {each.campaign_id for each in found(**asked)}

    assert ids() == {old.pk, small.pk, other.pk}
    assert ids(since=now() - 365 * DAY) == {small.pk, other.pk}
    assert ids(list_id=news.pk) == {old.pk, small.pk}
    assert ids(sender="others@example.org") == {other.pk}
    assert ids(sender="") == {old.pk, small.pk}
    assert ids(least=100) == {old.pk, other.pk}


@pytest.mark.django_db
def test_small_ones_are_counted_though_they_are_left_out():
    sent(audience=3)

    assert trends.find(Asked(least=100), now()).hidden == 1


@pytest.mark.django_db
def test_a_page_costs_the_same_whatever_the_number_of_campaigns(django_assert_num_queries):
    for _ in range(8):
        sent(lists=[make_list(), make_list()])

    with django_assert_num_queries(4):
        assert len(found()) == 8


@pytest.mark.django_db
def test_the_newest_are_looked_at(monkeypatch):
    monkeypatch.setattr(rates, "MOST", 2)
    monkeypatch.setattr(trends, "MOST", 2)
    sent(days=30)
    newest = [sent(days=3).pk, sent(days=9).pk]

    result = trends.find(Asked(), now())

    assert [each.campaign_id for each in result.rows] == newest
    assert result.is_cut


# --- what is usual ---


@pytest.mark.django_db
def test_usual_is_the_middle_of_the_senders_campaigns_of_a_size():
    news = make_list()
    for opened in (100, 200, 600):
        sent(unique_opens=opened)
    sent(sender="others@example.org", unique_opens=900)
    sent(audience=10_000, unique_opens=9_000)
    ours = sent(lists=[news], days=1, unique_opens=990)

    result = trends.find(Asked(list_id=news.pk), now())

    assert [each.campaign_id for each in result.rows] == [ours.pk]
    assert result.usual(result.rows[0], Measure.OPENED) == 0.2


@pytest.mark.django_db
def test_of_two_campaigns_nothing_is_usual():
    sent(unique_opens=100)
    sent(unique_opens=200)

    result = trends.find(Asked(), now())

    assert result.usual(result.rows[0], Measure.OPENED) is None


# --- in order ---


def test_ranking_has_the_best_first_and_the_unknown_last():
    rows = [row(1, 20), row(2, None), row(3, 90), row(4, 50)]

    def order(measure, **differences) -> list[int]:
        return [each.campaign_id for each in trends.ranked(rows, measure, **differences)]

    assert order(Measure.OPENED) == [3, 4, 1, 2]
    assert order(Measure.OPENED, worst_first=True) == [1, 4, 3, 2]
    assert order(Measure.LEFT) == [1, 4, 3, 2]
    assert order(Measure.LEFT, worst_first=True) == [3, 4, 1, 2]


def test_best_and_worst():
    rows = [row(1, 20), row(2, None), row(3, 90), row(4, 50), row(5, 0, is_settled=False)]

    assert trends.extremes(rows, Measure.OPENED, Counting.PEOPLE) == {3: True, 1: False}
    assert trends.extremes(rows, Measure.LEFT, Counting.PEOPLE) == {3: False, 1: True}


@pytest.mark.parametrize(
    ("parts", "marked"),
    [
        ([10, 20], {}),
        ([10, 10, 10], {}),
        ([10, 10, 20], {1: False, 2: False, 3: True}),
        ([10, 10, 10, 10, 20], {5: True}),
    ],
    ids=str,
)
def test_of_many_that_are_best_none_is_marked(parts, marked):
    rows = [row(number, part) for number, part in enumerate(parts, 1)]

    assert trends.extremes(rows, Measure.CLICKED, Counting.TIMES) == marked


@pytest.mark.parametrize("counting", [Counting.ALL, Counting.MACHINES])
def test_machines_win_nothing(counting):
    rows = [row(number, number) for number in range(1, 5)]

    assert trends.extremes(rows, Measure.OPENED, counting) == {}
    assert trends.extremes(rows, Measure.DELIVERED, counting) == {4: True, 1: False}


# --- over time ---


@pytest.mark.parametrize(
    ("number", "every", "step"),
    [
        (60, 1, Step.CAMPAIGN),
        (61, 1, Step.WEEK),
        (61, 7, Step.MONTH),
        (150, 30, Step.QUARTER),
    ],
)
def test_campaigns_are_put_together_when_there_are_many(number, every, step):
    rows = [row(1, 10, at=NOON + every * each * DAY) for each in range(number)]

    found_step, points = trends.points(rows)

    assert found_step == step
    assert len(points) <= trends.POINTS
    assert sum(len(point.rows) for point in points) == number
    assert [point.at for point in points] == sorted(point.at for point in points)


def test_a_point_is_what_its_campaigns_come_to_together():
    small, large = Ratio(90, 100), Ratio(100, 1000)
    rows = [
        row(1, None, ratios=dict.fromkeys(Measure, small)),
        row(2, None, ratios=dict.fromkeys(Measure, large)),
        row(3, None),
    ]

    assert trends.Point(NOON, rows).ratio(Measure.OPENED) == Ratio(190, 1100)
    assert trends.Point(NOON, rows[2:]).ratio(Measure.OPENED) is None


# --- as a file ---


def test_file():
    rows = [row(1, 250, subject="=2+5"), row(2, None)]

    lines = b"".join(rates_csv(rows, Counting.PEOPLE)).decode().split("\r\n")

    assert lines == [
        "campaign_id,subject,from,started_at,sent,counted,"
        "delivered,opened,clicked,click_to_open,unsubscribed,forwarded",
        "1,'=2+5,us@example.org,2026-06-02T12:00:00+00:00,1000,people" + ",0.250000" * 6,
        "2,Issue 2,us@example.org,2026-06-03T12:00:00+00:00,1000,people" + "," * 6,
        "",
    ]
