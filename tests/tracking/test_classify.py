"""What hits are taken for, one rule at a time. Whole campaigns: test_classify_simulated.py."""

import pytest

from tracking.classify import Evidence, judge
from tracking.classify.alone import look_at_all
from tracking.classify.docket import Docket
from tracking.classify.networks import Networks, read_list
from tracking.classify.spans import fullest, unevenness
from tracking.classify.verdicts import CANARY, CLICK, OPEN, QUOTE, Verdict

NOON = 1_782_907_200.0  # 2026-07-01
SENT = NOON - 7_200.0
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
CHROME = DESKTOP + "Chrome/150.0.0.0 Safari/537.36"
EDGE = CHROME + " Edg/150.0.0.0"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
OLD_IPHONE = IPHONE.replace("18_5", "15_8")
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
FULL = {"language": True, "encoding": True, "accept": "html", "mode": "navigate", "site": "none"}
PICTURE = {"language": True, "accept": "image", "mode": "no-cors", "dest": "image"}
KNOWN = Networks(
    read_list(
        "known",
        "198.51.100.0/24 gateway scanner certain\n192.0.2.0/24 isolation scanner probable\n"
        "198.18.0.0/24 office clicks certain\n198.18.1.0/24 mail proxy certain\n"
        "198.18.2.0/24 apple relay certain\n",
    )
)


def hit(link: int = 1, at: float = 0.0, **more) -> Evidence:
    """Return a click at noon plus `at` seconds, by a person's browser."""
    moment = NOON + at
    kind = more.setdefault("kind", CLICK)
    sent = more.pop("sent", SENT)
    return Evidence(
        **{
            "id": None,
            "at": moment,
            "campaign": 7,
            "subscriber": 1,
            "forward": 0,
            "link": link if kind == CLICK else 0,
            "since_sent": None if sent is None else moment - sent,
            "network": "203.0.113.0",
            "user_agent": CHROME,
            "marks": PICTURE if kind in (OPEN, QUOTE) else FULL,
            **more,
        }
    )


def opened(at: float = 0.0, **more) -> Evidence:
    return hit(at=at, **{"kind": OPEN, **more})


def verdicts(*hits: Evidence) -> list[str]:
    return [judgement.verdict.name.lower() for judgement in judge(hits, KNOWN)]


def without(*names: str) -> dict:
    return {name: mark for name, mark in FULL.items() if name not in names}


@pytest.mark.parametrize(
    ("evidence", "verdict", "reason"),
    [
        (hit(), "human", "agent:browser"),
        (hit(user_agent=IPHONE), "human", "agent:browser"),
        (hit(user_agent=OLD_IPHONE, marks={"language": True}), "human", "agent:browser"),
        (opened(user_agent="Microsoft Office/16.0 (Microsoft Outlook 16.0.1; Pro)", marks={}),
         "human", "agent:mail-program"),
        (opened(user_agent=GMAIL, marks={}), "proxy_open", "agent:google-proxy"),
        (opened(user_agent="YahooMailProxy; https://help.yahoo.com/", marks={}), "proxy_open",
         "agent:yahoo-proxy"),
        (opened(user_agent="Mozilla/5.0", marks={}), "privacy_prefetch", "agent:apple-prefetch"),
        (hit(user_agent="Mozilla/5.0", marks={}), "scanner", "agent:pictures-only"),
        (hit(user_agent=GMAIL, marks={}), "scanner", "agent:pictures-only"),
        (hit(network="198.18.2.0", user_agent=IPHONE), "human", "agent:browser"),  # Apple's relay
        (hit(user_agent="Slackbot-LinkExpanding 1.0"), "preview", "agent:preview"),
        (hit(user_agent="curl/8.9.1"), "scanner", "agent:known-crawler"),
        (hit(marks={**FULL, "method": "HEAD"}), "scanner", "method:head"),
        (opened(user_agent=GMAIL, marks={"method": "HEAD"}), "scanner", "method:head"),
        (hit(marks={**FULL, "purpose": "prefetch"}), "preview", "purpose:prefetch"),
        (opened(marks={**PICTURE, "purpose": "prefetch"}), "privacy_prefetch", "purpose:prefetch"),
        (hit(kind=CANARY), "scanner", "canary"),
        (hit(marks={}), "scanner", "headers:not-a-browser's"),
        (hit(marks={"via": True}), "likely_human", "headers:not-a-browser's"),
        (hit(marks=without("language")), "likely_human", "headers:no-language"),
        (hit(marks={**FULL, "range": True}), "likely_human", "headers:range"),
        (hit(marks={**FULL, "http": "1.0"}), "likely_human", "headers:http-1.0"),
        (hit(marks={**FULL, "http": "1.0", "range": True}), "scanner", "headers:range"),
        (hit(marks={**FULL, "brands": "headless"}), "scanner", "headers:headless"),
        (hit(marks={**FULL, "platform": "Linux"}), "scanner", "headers:platform"),
        (hit(marks={**FULL, "platform": "Windows", "brands": True, "mobile": "?0"}), "human",
         "agent:browser"),
        (hit(user_agent=IPHONE, marks={**FULL, "brands": True}), "scanner",
         "headers:foreign-brands"),
        (hit(marks={**FULL, "accept": "any", "mode": "cors"}), "scanner", "headers:page-as-thing"),
        (hit(user_agent=""), "scanner", "agent:none"),
        (hit(user_agent="", marks={**FULL, "agent": "foreign"}), "likely_human", "agent:foreign"),
        (opened(user_agent="", marks={"agent": "foreign"}), "likely_human", "headers:no-language"),
        (hit(user_agent="Something/1.0"), "scanner", "agent:no-browser"),
        (hit(user_agent="", network="", marks={"unknown": True}), "unknown", "evidence:none"),
        (hit(marks={"unknown": True}), "likely_human", "headers:unknown"),
        (hit(network="198.51.100.0"), "scanner", "network:gateway"),
        (hit(network="192.0.2.0"), "likely_human", "network:isolation"),
        (hit(network="198.18.0.0"), "scanner", "network:office"),
        (opened(network="198.18.0.0"), "human", "agent:browser"),  # known for its clicks only
        (opened(network="198.18.1.0", marks={}), "proxy_open", "network:mail"),
        (opened(kind=QUOTE), "human", "agent:browser"),
        (hit(sent=NOON + 5), "scanner", "early:before"),
        (hit(sent=NOON + 7_200), "human", "agent:browser"),  # a wrong clock
        (hit(sent=None), "human", "agent:browser"),
    ],
)  # fmt: skip
def test_what_one_hit_says_by_itself(evidence, verdict, reason):
    (judgement,) = judge([evidence], KNOWN)

    assert (judgement.verdict.name.lower(), judgement.reason) == (verdict, reason)


def test_headers_that_nobody_has_are_held_against_nobody():
    """Something on the way takes them away."""
    bare = {"marks": {"accept": "html"}}
    hits = [hit(at=9 * n, subscriber=n, network=f"203.0.{n}.0", **bare) for n in range(1, 80)]

    assert set(verdicts(*hits)) == {"human"}


def test_all_of_a_burst_is_demoted_with_its_first_click():
    hits = [hit(link, at=0.3 * link, sent=NOON - 43) for link in range(1, 6)]

    assert set(verdicts(*hits)) == {"scanner"}


def test_a_burst_comes_from_several_addresses_and_names():
    hits = [
        hit(link, at=0.4 * link, network=f"203.0.{link}.0", user_agent=(CHROME, FIREFOX)[link % 2])
        for link in range(1, 6)
    ]

    assert set(verdicts(*hits)) == {"scanner"}


@pytest.mark.parametrize("pause", [0.3, 1.0, 1.9])
def test_two_tabs_are_a_persons(pause):
    assert set(verdicts(opened(-20), hit(1), hit(2, pause))) <= {"human", "likely_human"}


def test_a_double_click_is_a_persons():
    assert verdicts(hit(1), hit(1, 0.1)) == ["human", "human"]


def test_reading_from_top_to_bottom_is_a_persons():
    times = [0, 21, 34, 80, 140]

    judged = verdicts(opened(-9), *(hit(link, at) for link, at in enumerate(times, 1)))

    assert set(judged) <= {"human", "likely_human"}


def test_the_hidden_link_taints_what_the_same_program_does():
    tainted = hit(1, at=40, sent=NOON - 200)
    elsewhere = hit(2, at=50, sent=NOON - 200, network="203.0.77.0", user_agent=IPHONE)

    judged = verdicts(hit(kind=CANARY, sent=NOON - 200), tainted, elsewhere)

    assert judged[:2] == ["scanner", "scanner"]
    assert judged[2] in ("human", "likely_human")


def test_the_person_is_rescued_by_their_own_click_later():
    burst = [hit(link, at=0.2 * link, sent=NOON - 30) for link in range(1, 5)]
    later = hit(2, at=4_000, sent=NOON - 30, network="203.0.77.0")

    assert verdicts(*burst, later) == ["scanner"] * 4 + ["human"]


def test_a_head_request_betrays_the_get_beside_it():
    marks = {**FULL, "method": "HEAD"}

    assert verdicts(hit(marks=marks), hit(at=0.5)) == ["scanner", "scanner"]


def test_an_echo_from_elsewhere_is_the_machines_and_not_the_persons():
    """Some gateways look at a link when a person follows it."""
    echo = hit(1, at=12, network="203.0.77.0", user_agent=FIREFOX)

    person, machine = verdicts(hit(1), echo)

    assert person in ("human", "likely_human")
    assert machine == "scanner"


def test_who_fetches_a_link_a_moment_before_its_reader_is_the_machine():
    """The other way round, some gateways look first, and let the reader through."""
    marks = {name: mark for name, mark in FULL.items() if name not in ("mode", "site")}
    fetched = hit(1, network="203.0.77.0", user_agent=FIREFOX, marks=marks)

    machine, person = verdicts(fetched, hit(1, at=1.2))

    assert machine == "scanner"
    assert person in ("human", "likely_human")


def test_links_that_are_followed_from_another_network_each_are_a_scanners():
    hits = [hit(link, at=9 * link, network=f"81.{link}.7.0") for link in (1, 2, 3)]

    assert set(verdicts(*hits)) == {"scanner"}


def test_a_network_of_machines_taints_who_else_comes_from_it():
    """A second engine with a telephone's face, say."""
    burst = [
        hit(link, at=n + link / 10, subscriber=n, sent=NOON - 90, network="3.80.7.0")
        for n in range(1, 9)
        for link in range(1, 6)
    ]
    stranger = hit(at=900, subscriber=9, sent=NOON - 90, network="3.80.7.0", user_agent=IPHONE)

    (judgement,) = judge([*burst, stranger], KNOWN)[-1:]

    assert judgement.reason == "crowd:machines"


def read_by_day() -> list[Evidence]:
    """Return what sixty people at home do from noon to nine: each opens the mail and clicks."""
    return [
        seen(at=540 * n + pause, subscriber=100 + n, sent=NOON - 3_600, network=f"84.{n}.7.0")
        for n in range(60)
        for seen, pause in ((opened, 0), (hit, 20))
    ]


@pytest.mark.parametrize(("hour", "is_machine"), [(14, True), (5, False)])
def test_who_goes_from_mail_to_mail_while_all_sleep_is_a_scanner(hour, is_machine):
    """A second look at stored mail; five minutes lie between two people's."""
    around = [hit(at=hour * 3_600 + 300 * n, subscriber=n, sent=NOON - 3_600) for n in range(1, 8)]

    judged = judge([*read_by_day(), *around], KNOWN)[-7:]

    assert {verdict == Verdict.SCANNER for verdict, _ in judged} == {is_machine}
    assert {reason for _, reason in judged if is_machine} <= {"party:night"}


def stored(people: int, pause: float, between: float, links: int = 2, **more) -> list[Evidence]:
    """Return who follows links of stored mail: `pause` in one mail, `between` from mail to mail."""
    each = pause * (links - 1) + between
    return [
        hit(link, at=3_600 + each * n + pause * (link - 1), subscriber=n, **more)
        for n in range(1, people + 1)
        for link in range(1, links + 1)
    ]


def some_readers(pause: float) -> list[Evidence]:
    """Return people at home, each of whom takes so long from one link to the next."""
    return [
        hit(link, at=900 * n + pause * link, subscriber=500 + n, network=f"84.{n}.7.0")
        for n in range(40)
        for link in (1, 2, 3, 4, 5)[n % 4 :][:2]
    ]


def taken_for_machines(judged) -> set[bool]:
    return {verdict == Verdict.SCANNER for verdict, _ in judged}


@pytest.mark.parametrize(("pause", "is_machine"), [(3.0, True), (25.0, False)])
def test_who_is_done_with_each_of_many_mails_in_seconds_is_a_scanner(pause, is_machine):
    """Hours later, minutes from mail to mail, in a browser's full dress."""
    around = stored(12, pause, between=400)

    judged = judge([*some_readers(25), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {is_machine}
    assert {reason for _, reason in judged if is_machine} <= {"party:walk"}


def test_haste_is_held_against_nobody_where_most_people_are_quick():
    around = stored(12, 3, between=400)

    judged = judge([*some_readers(3), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {False}


def test_who_never_reads_two_mails_at_once_is_a_scanner_at_any_pace():
    around = stored(40, 25, between=20)

    judged = judge([*some_readers(25), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {True}


def test_a_class_that_reads_at_once_is_people():
    """As many, from one network in one browser, but not one after the other."""
    around = stored(40, 25, between=-13)

    judged = judge([*some_readers(25), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {False}


@pytest.mark.parametrize(("pause", "is_machine"), [(2.5, True), (40.0, False)])
def test_both_links_of_a_mail_with_two_are_read_by_people_as_well(pause, is_machine):
    """Who looks at them by a program of its own, wherever a reader is, is in haste besides."""
    around = [
        seen._replace(network=f"84.{seen.subscriber}.1.0", user_agent=FIREFOX)
        for seen in stored(30, pause, between=900)
    ]
    others = [seen._replace(link=1) for seen in some_readers(25)]

    judged = judge([*others, *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {is_machine}


def test_who_goes_through_mailboxes_of_their_own_is_a_person():
    around = stored(6, 25, between=10)

    judged = judge([*some_readers(25), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {False}


def test_networks_of_one_host_of_servers_are_one_party():
    """Of each network there is too little to say anything."""
    hosted = Networks(read_list("host", "16.0.0.0/8 servers hosting probable\n"))
    around = [
        seen._replace(network=f"16.{seen.subscriber}.1.0") for seen in stored(20, 3, between=60)
    ]

    judged = judge([*some_readers(25), *around], hosted)[-len(around) :]
    elsewhere = judge([*some_readers(25), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {True}
    assert taken_for_machines(elsewhere) == {False}


def test_an_office_that_reads_while_others_sleep_is_people():
    """Where they are it is day: they take their time, and read at once."""
    around = [
        seen
        for n in range(1, 13)
        for start in [14 * 3_600 + 20 * n + n % 5 * 9]
        for seen in (
            opened(at=start, subscriber=n, sent=NOON - 3_600),
            *(hit(link, at=start + 30 * link, subscriber=n, sent=NOON - 3_600) for link in (1, 2)),
        )
    ]

    judged = judge([*read_by_day(), *around], KNOWN)[-len(around) :]

    assert taken_for_machines(judged) == {False}


@pytest.mark.parametrize(("links", "is_machine"), [(range(1, 7), True), (range(1, 4), False)])
def test_who_follows_nearly_all_links_in_each_mail_is_a_scanner(links, is_machine):
    """Hours later, as slowly as a reader, from a network that many share; one link is left out."""
    others = [hit(link, subscriber=90 + link, network=f"84.{link}.7.0") for link in range(1, 8)]
    around = [
        seen
        for n in range(1, 9)
        for seen in (
            opened(at=900 * n, subscriber=n),
            *(hit(link, at=900 * n + 20 * link, subscriber=n) for link in links),
        )
    ]

    judged = judge([*others, *around], KNOWN)[len(others) :]

    clicks = [verdict for (verdict, _), seen in zip(judged, around, strict=True) if seen.link]
    assert {verdict == Verdict.SCANNER for verdict in clicks} == {is_machine}


def test_a_program_that_is_a_machine_at_all_hours_is_one_on_the_next_mail_as_well():
    known = [
        hit(at=2_000 * n + pause, subscriber=n, kind=kind)
        for n in range(1, 6)
        for kind, pause in ((CLICK, 0), (CANARY, 3))
    ]
    more = [opened(12_000, subscriber=9), hit(at=12_010, subscriber=9)]

    (judgement,) = judge([*known, *more], KNOWN)[-1:]

    assert judgement == (Verdict.SCANNER, "crowd:known-machine")


def test_an_odd_program_on_a_mail_that_nobody_opened_is_a_scanners_for_longer():
    marks = without("language")
    others = opened(subscriber=2, at=-500)

    unseen = verdicts(hit(sent=NOON - 600, marks=marks), others)[0]
    seen = verdicts(hit(sent=NOON - 600, marks=marks), opened(-30, sent=NOON - 600))[0]

    assert (unseen, seen) == ("scanner", "likely_human")


def test_who_reads_several_mails_in_a_row_is_one_person():
    hits = [hit(at=40 * campaign, campaign=campaign, sent=NOON - 200) for campaign in range(1, 7)]

    assert set(verdicts(opened(subscriber=2, at=50), *hits)) <= {"human", "likely_human"}


def test_a_name_in_foreign_letters_is_not_the_same_as_none():
    hits = [hit(user_agent="", marks=marks) for marks in ({**FULL, "agent": "foreign"}, FULL)]

    docket = Docket(hits, look_at_all(hits, KNOWN))

    assert docket.user_agents == ["foreign", ""]


def test_one_link_of_an_unopened_mail_right_after_the_hand_over_is_a_scanners():
    others = opened(subscriber=2, at=-50)

    assert verdicts(hit(sent=NOON - 8), others)[0] == "scanner"


def test_one_link_of_an_unopened_mail_within_the_minute_may_be_a_persons_who_blocks_pictures():
    others = opened(subscriber=2, at=-50)

    assert verdicts(hit(sent=NOON - 40), others)[0] == "likely_human"


def test_a_quick_reader_has_opened_the_mail():
    judged = verdicts(opened(-8, sent=NOON - 40), hit(sent=NOON - 40))

    assert judged[1] in ("human", "likely_human")


def test_that_no_mail_was_opened_says_nothing_where_there_are_no_pictures():
    assert verdicts(hit(sent=NOON - 40)) == ["likely_human"]


def test_all_links_one_after_the_other_over_minutes_are_a_scanners():
    hits = [hit(link, at=30 * link, sent=NOON - 10) for link in range(1, 9)]

    assert set(verdicts(opened(subscriber=2), *hits)[1:]) == {"scanner"}


def test_a_network_that_works_through_many_peoples_mail_is_a_scanners():
    hits = [hit(1, at=3 * n, subscriber=n, sent=NOON + 3 * n - 100) for n in range(1, 21)]

    assert set(verdicts(opened(subscriber=99), *hits)[1:]) == {"scanner"}


def test_an_office_behind_one_address_is_people():
    hits = []
    for n in range(1, 21):
        hits += [opened(400 * n - 20, subscriber=n), hit(n % 3, at=400 * n, subscriber=n)]

    assert set(verdicts(*hits)) == {"human"}


def test_people_of_a_carrier_come_at_once_and_stay_people():
    hits = []
    for n in range(1, 41):
        hits += [
            opened(3 * n - 30, subscriber=n, user_agent=IPHONE),
            hit(1, at=3 * n, subscriber=n, user_agent=IPHONE),
        ]

    assert set(verdicts(*hits)) <= {"human", "likely_human"}


def test_where_nobody_is_named_a_programs_hits_are_judged_together():
    burst = [hit(link, at=0.1 * link, subscriber=0) for link in range(1, 6)]

    assert set(verdicts(*burst)) == {"scanner"}


def test_a_friends_copy_is_a_mail_of_its_own():
    mine = [hit(1), hit(2, 0.5)]
    friends = [hit(3, 0.7, forward=5, network="203.0.77.0")]

    assert set(verdicts(*mine, *friends)) <= {"human", "likely_human"}


def test_the_order_of_hits_changes_nothing():
    hits = [hit(link, at=0.3 * link, sent=NOON - 43) for link in range(1, 6)]
    hits += [opened(-20, subscriber=2), hit(1, subscriber=2)]

    assert judge(hits[::-1], KNOWN)[::-1] == judge(hits, KNOWN)


def test_no_hits_are_no_judgements():
    assert judge([], KNOWN) == []


def test_a_flood_on_one_mail_is_judged_as_a_flood():
    hits = [hit(n % 7, at=n / 100) for n in range(5_000)]

    assert set(verdicts(*hits)) == {"scanner"}


def test_the_fullest_span_that_holds_a_moment():
    times, links = [0.0, 1.0, 2.0, 10.0, 10.5], [1, 2, 3, 1, 1]

    assert fullest(times, links, 2.0) == [3, 3, 3, 1, 1]
    assert fullest(times, links, 1.0) == [2, 2, 2, 1, 1]
    assert fullest([], [], 1.0) == []


def test_a_clock_is_even_and_people_are_not():
    assert unevenness([0, 10, 20, 30]) == 0
    assert unevenness([0, 1, 30, 32, 90]) > 0.9
    assert unevenness([0, 10, 20]) == float("inf")
    assert unevenness([5, 5, 5, 5]) == 0


def test_verdicts_keep_their_numbers():
    """They are stored."""
    assert [verdict.value for verdict in Verdict] == [1, 2, 3, 4, 5, 6, 7]
