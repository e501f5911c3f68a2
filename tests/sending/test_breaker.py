"""One refused recipient, or a server that refuses everybody?"""

import pytest

from newsletter.sending.breaker import IN_A_ROW, Breaker
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.smtp import Message, Outcome

POLICY = Reply(554, "5.7.1 relay access denied")
NO_SUCH_USER = Reply(550, "5.1.1 no such user")


def outcome(verdict: Verdict = Verdict.REFUSED, reply: Reply = POLICY) -> Outcome:
    return Outcome(Message(None), verdict, reply)


def test_a_refusal_is_held_back_until_something_is_accepted():
    breaker, refusal = Breaker(), outcome()

    assert breaker.holds_back(refusal)
    assert breaker.accepted() == [refusal]
    assert breaker.accepted() == []


def test_a_refusal_about_the_address_counts_at_once():
    assert not Breaker().holds_back(outcome(reply=NO_SUCH_USER))


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.DEFERRED, Verdict.RETURNED])
def test_refusals_without_end_open_it(verdict):
    breaker = Breaker()

    for _ in range(IN_A_ROW - 1):
        breaker.holds_back(outcome(verdict))
    assert breaker.reason == ""
    breaker.holds_back(outcome(verdict))

    assert breaker.reason == "The mail server refuses everybody: 554 5.7.1 relay access denied"


def test_no_number_of_wrong_addresses_opens_it():
    breaker = Breaker()

    for _ in range(IN_A_ROW * 5):
        breaker.holds_back(outcome(reply=NO_SUCH_USER))

    assert breaker.reason == ""


def test_an_acceptance_in_between_starts_the_count_anew():
    breaker = Breaker()

    for _ in range(IN_A_ROW * 2):
        breaker.holds_back(outcome())
        breaker.accepted()

    assert breaker.reason == ""


def test_a_lost_connection_says_nothing_about_refusals():
    breaker = Breaker()

    assert not breaker.holds_back(outcome(Verdict.IN_DOUBT, Reply(0, "closed")))
    assert not breaker.holds_back(outcome(Verdict.RETURNED, Reply(0, "closed")))
    assert breaker.count == 0


def test_what_is_no_longer_ours_counts_no_more():
    breaker, ours, lost = Breaker(), outcome(), outcome()
    breaker.holds_back(ours)
    breaker.holds_back(lost)

    breaker.forget(lambda refusal: refusal is lost)

    assert breaker.count == 1
    assert breaker.accepted() == [ours]


def test_what_it_says_names_nobody():
    breaker = Breaker()
    reply = Reply(554, "5.7.1 <ada@example.org>: Relay access denied")

    for _ in range(IN_A_ROW):
        breaker.holds_back(outcome(Verdict.RETURNED, reply))

    assert breaker.reason == "The mail server refuses everybody: 554 5.7.1 … Relay access denied"
    assert breaker.refusal == "The mail server refuses our mail: 554 5.7.1 … Relay access denied"
