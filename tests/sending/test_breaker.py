"""One refused recipient, a provider that refuses us, or a server that refuses everybody?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.models import Pause
from newsletter.sending.breaker import (
    DEFERRALS_IN_A_ROW,
    IN_A_ROW,
    MOST_IN_A_ROW,
    PATIENCE,
    POLICY_IN_A_ROW,
    Breaker,
)
from newsletter.sending.message import Message, Outcome
from newsletter.sending.refusals import Cause, Refusal, Stage
from newsletter.sending.replies import Reply, Verdict

RELAY_DENIED = Reply(554, "5.7.1 relay access denied")
NO_SUCH_USER = Reply(550, "5.1.1 no such user")
BLOCKED = Reply(554, "5.7.1 blocked using zen.spamhaus.org")
LATER = Reply(450, "4.2.0 greylisted")
CAUSES = {
    RELAY_DENIED: Cause.SERVER,
    NO_SUCH_USER: Cause.ADDRESS,
    BLOCKED: Cause.POLICY,
    LATER: Cause.MAILBOX,
}
FINAL_CAUSES = [Cause.SERVER, Cause.POLICY, Cause.CONTENT]


def outcome(
    reply: Reply = RELAY_DENIED, verdict: Verdict | None = None, stage: Stage = Stage.RCPT
) -> Outcome:
    meant = Verdict.REFUSED if reply.code >= 500 else Verdict.DEFERRED
    return Outcome(Message(None), verdict or meant, reply, stage)


def refuse(
    breaker: Breaker, times: int = 1, group: str = "example", **fields: object
) -> list[Outcome]:
    """Let the breaker have some refusals. Returns those that it held back."""
    refusals = [outcome(**fields) for _ in range(times)]
    return [one for one in refusals if breaker.holds_back(one, meaning(one.reply), group)]


def meaning(reply: Reply) -> Refusal:
    return Refusal(CAUSES[reply], reply.code >= 500)


# --- the whole server -------------------------------------------------------------------


@pytest.mark.parametrize("reply", [RELAY_DENIED, NO_SUCH_USER])
def test_a_refusal_is_held_back_until_the_server_takes_anything(reply):
    breaker = Breaker()

    held = refuse(breaker, reply=reply)

    assert len(held) == breaker.count == 1
    assert list(breaker.accepted("other")) == held
    assert list(breaker.accepted("other")) == []


@pytest.mark.parametrize("cause", FINAL_CAUSES)
def test_refusals_about_us_without_end_open_it(cause):
    breaker = Breaker()
    refusal = Refusal(cause, is_final=True)

    for number in range(IN_A_ROW):
        assert breaker.reason == ""
        breaker.holds_back(outcome(), refusal, f"group {number}")

    assert breaker.reason == "The mail server refuses everybody: 554 5.7.1 relay access denied"
    assert breaker.cause == ("policy" if cause is Cause.POLICY else "trouble")
    assert breaker.count == len(breaker.take()) == IN_A_ROW
    assert breaker.count == 0


def test_refused_senders_open_it_and_are_not_held_back():
    breaker = Breaker()

    held = refuse(breaker, IN_A_ROW, verdict=Verdict.RETURNED, stage=Stage.MAIL)

    assert held == []
    assert breaker.reason == "The mail server refuses everybody: 554 5.7.1 relay access denied"
    assert breaker.refusal == "The mail server refuses our mail: 554 5.7.1 relay access denied"


def test_it_takes_many_wrong_addresses_to_open_it():
    breaker = Breaker()

    held = refuse(breaker, MOST_IN_A_ROW - 1, reply=NO_SUCH_USER)
    assert breaker.reason == ""
    held += refuse(breaker, reply=NO_SUCH_USER)

    assert breaker.reason == (
        "The mail server refuses one address after the other: 550 5.1.1 no such user"
    )
    assert breaker.take() == held


def test_an_acceptance_in_between_starts_every_count_anew():
    breaker = Breaker()

    for _ in range(3):
        refuse(breaker, IN_A_ROW - 1)
        refuse(breaker, MOST_IN_A_ROW - IN_A_ROW, reply=NO_SUCH_USER)
        assert len(breaker.accepted("other")) == MOST_IN_A_ROW - 1

    assert breaker.reason == ""


def test_a_lost_connection_says_nothing_about_refusals():
    breaker, closed = Breaker(), Reply(0, "closed")
    refusal = Refusal(Cause.SERVER, is_final=True)

    assert not breaker.holds_back(outcome(closed, Verdict.IN_DOUBT), refusal, "")
    assert not breaker.holds_back(outcome(closed, Verdict.RETURNED), refusal, "")
    assert breaker.count == 0


def test_what_is_no_longer_ours_counts_no_more():
    breaker = Breaker()
    ours, lost = refuse(breaker, 2)
    (later,) = refuse(breaker, reply=LATER)

    breaker.forget(lambda refusal: refusal in (lost, later))

    assert breaker.count == 1
    assert list(breaker.accepted("example")) == [ours]


def test_what_it_says_names_nobody():
    breaker = Breaker()
    reply = Reply(554, "5.7.1 <ada@example.org>: Relay access denied")
    refusal = Refusal(Cause.SERVER, is_final=True)

    for _ in range(IN_A_ROW):
        breaker.holds_back(outcome(reply, Verdict.RETURNED), refusal, "example")

    assert breaker.reason == "The mail server refuses everybody: 554 5.7.1 … Relay access denied"
    assert breaker.refusal == "The mail server refuses our mail: 554 5.7.1 … Relay access denied"


# --- one provider -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "times", "cause"),
    [(BLOCKED, POLICY_IN_A_ROW, "policy"), (LATER, DEFERRALS_IN_A_ROW, "deferrals")],
)
def test_a_provider_that_refuses_us_stops_alone(reply, times, cause):
    breaker, held = Breaker(), []

    for _ in range(times):
        assert breaker.take_stops() == []
        held += refuse(breaker, group="gmail", reply=reply)
        assert list(breaker.accepted("other")) == []

    (stop,) = breaker.take_stops()
    assert stop == ("gmail", cause, str(reply), held)
    assert stop.cause in Pause.Cause.values
    assert breaker.take_stops() == []
    assert breaker.reason == ""
    assert breaker.count == 0


def test_a_mail_that_the_provider_took_starts_its_count_anew():
    breaker = Breaker()

    for _ in range(3):
        held = refuse(breaker, POLICY_IN_A_ROW - 1, group="gmail", reply=BLOCKED)
        assert list(breaker.accepted("gmail")) == held

    assert breaker.take_stops() == []


def test_providers_are_counted_apart():
    breaker = Breaker()

    for group in ("gmail", "yahoo", "gmx"):
        refuse(breaker, POLICY_IN_A_ROW - 1, group=group, reply=BLOCKED)
        breaker.accepted("other")

    assert breaker.take_stops() == []


def test_a_provider_may_hang_up_on_us_too():
    breaker = Breaker()
    reply = {"reply": LATER, "verdict": Verdict.RETURNED, "stage": Stage.BODY}

    held = refuse(breaker, DEFERRALS_IN_A_ROW - 1, group="gmail", **reply)
    breaker.accepted("other")
    held += refuse(breaker, group="gmail", **reply)

    (stop,) = breaker.take_stops()
    assert (stop.group, stop.held, held) == ("gmail", [], [])


def test_a_refused_sender_is_no_matter_of_a_provider():
    breaker = Breaker()

    refuse(breaker, IN_A_ROW - 1, reply=BLOCKED, verdict=Verdict.RETURNED, stage=Stage.MAIL)

    assert breaker.take_stops() == []


def test_a_single_refusal_of_a_provider_keeps_no_batch_open_for_ever():
    breaker = Breaker()
    held = refuse(breaker, group="small.example", reply=BLOCKED)

    released = [one for _ in range(PATIENCE) for one in breaker.accepted("other")]

    assert released == held
    refuse(breaker, POLICY_IN_A_ROW - 1, group="small.example", reply=BLOCKED)
    (stop,) = breaker.take_stops()
    assert len(stop.held) == POLICY_IN_A_ROW - 1


# --- any sequence -----------------------------------------------------------------------

GROUPS = st.sampled_from(["gmail", "gmx", "example"])
EVENTS = st.lists(st.tuples(st.sampled_from(["accepted", *CAUSES]), GROUPS), max_size=150)


@given(EVENTS)
def test_what_is_held_back_comes_out_exactly_once(events):
    breaker, held, out = Breaker(), [], []

    for event, group in events:
        if event == "accepted":
            out += breaker.accepted(group)
        else:
            held += refuse(breaker, group=group, reply=event)
        out += [one for stop in breaker.take_stops() for one in stop.held]
        assert breaker.count == len(held) - len(out)
    out += breaker.take()

    assert sorted(map(id, out)) == sorted(map(id, held))
