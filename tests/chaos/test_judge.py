"""The judge of `make chaos` finds what it is there to find."""

import pytest

from tests.chaos import record
from tests.chaos.crashes import Crashes
from tests.chaos.judge import Allowed, Verdict, judge
from tests.chaos.record import Line
from tests.chaos.trouble import Kind

SUMS = ("audience", "sent", "failed", "skipped", "in_doubt", "pending")


def line(what: str, who: str = "", detail: str = "") -> Line:
    return Line(what, 0.0, 0.0, 1, who, detail, 0.0)


def mail(who: str) -> Line:
    return line(record.ACCEPTED, who)


def judged(outcomes: dict[str, str], *lines: Line, kills: int = 0, **wrong: int) -> Verdict:
    """Judge a campaign to a, b and c, whose sums are right but for `wrong`."""
    counts = {name: [*outcomes.values()].count(name) for name in SUMS}
    sums = {**counts, "audience": 3, "pending": 3 - len(outcomes)}
    sums |= {f"{name} rows": counts[name] for name in SUMS}
    named = {who: (status, "a reason") for who, status in outcomes.items()}
    return judge("abc", named, lines, {**sums, **wrong}, allowed=Allowed(kills))


ALL_SENT = {"a": "sent", "b": "sent", "c": "sent"}


def test_a_campaign_without_fault_is_good():
    verdict = judged(ALL_SENT, mail("a"), mail("b"), line(record.LOST, "c"))

    assert verdict.is_good
    assert str(verdict) == "missed 0, twice 0, in doubt 0 (at most 0), sum balanced"


def test_two_mails_to_one_person_are_found():
    verdict = judged(ALL_SENT, mail("a"), mail("b"), mail("c"), line(record.LOST, "a"))

    assert verdict.twice == ["a"]
    assert not verdict.is_good


def test_who_is_called_sent_and_is_not_in_the_record_was_missed():
    verdict = judged(ALL_SENT, mail("a"), mail("b"))

    assert verdict.missed == ["c: sent"]
    assert not verdict.is_good


def test_who_has_no_outcome_was_missed():
    verdict = judged({"a": "sent", "b": "sent"}, mail("a"), mail("b"))

    assert verdict.missed == ["c: pending"]


def test_a_mail_to_somebody_without_an_outcome_is_found():
    verdict = judged({"a": "sent", "b": "sent"}, mail("a"), mail("b"), mail("c"))

    assert verdict.false == ["c: said to be pending (), mails 1"]


@pytest.mark.parametrize(
    ("lines", "is_good"),
    [([line(record.REFUSED, "c")], True), ([], False), ([line(record.REFUSED, "c"), mail("c")], 0)],
)
def test_only_who_was_refused_and_has_no_mail_has_failed(lines, is_good):
    verdict = judged({**ALL_SENT, "c": "failed"}, mail("a"), mail("b"), *lines)

    assert verdict.is_good == is_good


def test_nobody_is_skipped_without_reason():
    verdict = judged({**ALL_SENT, "c": "skipped"}, mail("a"), mail("b"))

    assert not verdict.is_good


@pytest.mark.parametrize(("kills", "is_good"), [(0, False), (1, True)])
def test_two_may_be_in_doubt_for_each_open_connection(kills, is_good):
    verdict = judged({"a": "sent", "b": "in_doubt", "c": "in_doubt"}, mail("a"), kills=kills)

    assert verdict.may_be_in_doubt == 2 * kills
    assert verdict.is_good == is_good


@pytest.mark.parametrize(("people", "is_good"), [(1, False), (2, True)])
def test_whose_worker_and_journal_were_lost_together_are_counted_apart(people, is_good):
    named = dict.fromkeys("ab", ("in_doubt", "a crash")) | {"c": ("in_doubt", "a kill")}
    sums = {"audience": 3, "sent": 0, "failed": 0, "skipped": 0, "in_doubt": 3, "pending": 0}
    sums |= {f"{name} rows": count for name, count in sums.items()}

    verdict = judge("abc", named, [], sums, allowed=Allowed(1, people, "a crash"))

    assert (len(verdict.in_doubt), verdict.may_be_in_doubt) == (1, 2)
    assert (len(verdict.crashed), verdict.may_be_crashed) == (2, people)
    assert verdict.is_good == is_good


def test_a_crash_alone_lets_nobody_be_in_doubt():
    crashes = Crashes("")
    crashes.most = 500

    crashes.happened(begun=100.0, back=103.0)

    assert crashes.people([(90.0, Kind.KILL_TREE), (110.0, Kind.FREEZE)]) == 0
    assert crashes.people([(101.0, Kind.TERMINATE)]) == 0
    assert crashes.people([(99.0, Kind.KILL_TREE), (104.0, Kind.FREEZE)]) == 1_000


@pytest.mark.parametrize(
    ("place", "may_be"), [("body", 1), ("dot", 1), ("reply", 1), ("mail", 0), ("greeting", 0)]
)
def test_one_may_be_in_doubt_for_each_connection_cut_behind_a_body(place, may_be):
    verdict = judged(
        {**ALL_SENT, "c": "in_doubt"}, mail("a"), mail("b"), line(record.DROPPED, "c", place)
    )

    assert verdict.may_be_in_doubt == may_be


def test_a_sum_that_does_not_balance_is_found():
    lines = [mail(who) for who in "abc"]

    assert judged(ALL_SENT, *lines).is_good
    assert not judged(ALL_SENT, *lines, sent=2).is_good
    assert not judged(ALL_SENT, *lines, audience=4).is_good
    assert not judged(ALL_SENT, *lines, **{"sent rows": 2}).is_good
