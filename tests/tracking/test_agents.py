"""What programs say of themselves."""

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from tests.simulator import clients
from tracking.classify import PEOPLE, Evidence, judge
from tracking.classify.agents import MAIL_PROXIES, Role, read
from tracking.classify.networks import Networks
from tracking.classify.verdicts import CLICK, OPEN, Verdict

SAMPLES = [
    (entry["pattern"], sample)
    for entry in CRAWLER_USER_AGENTS_DATA
    for sample in entry["instances"]
]
BROWSER = {"language": True, "mode": "navigate", "dest": "document", "accept": "html"}
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize("kind", [OPEN, CLICK])
def test_no_sample_of_a_crawler_is_a_person(kind):
    """Not even with all the headers of a browser, hours after the hand-over."""
    hits = [
        Evidence(n, 9e8 + 1e4 * n, kind, 7, n + 1, 0, 3, 9e3, "203.0.113.0", agent, BROWSER)
        for n, (_, agent) in enumerate(SAMPLES)
    ]

    verdicts = [judgement.verdict for judgement in judge(hits, Networks())]

    people = {
        pattern
        for (pattern, _), verdict in zip(SAMPLES, verdicts, strict=True)
        if verdict in PEOPLE
    }
    assert people == (set(MAIL_PROXIES) if kind == OPEN else set())
    assert not {Verdict.HUMAN, Verdict.LIKELY_HUMAN} & set(verdicts)


def test_each_pattern_finds_what_it_found_before_it_was_sorted_by_its_letters():
    missed = [
        sample
        for pattern, sample in SAMPLES
        if pattern not in MAIL_PROXIES and read(sample).role not in (Role.ROBOT, Role.PREVIEW)
    ]

    assert missed == []


def test_each_mail_proxy_still_stands_in_the_list():
    """Else the list has changed its names, and mail proxies would be robots again."""
    assert set(MAIL_PROXIES) <= {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA}


@pytest.mark.parametrize("agent", clients.PREVIEWS)
def test_chats_that_show_a_link_are_previews(agent):
    assert read(agent).role == Role.PREVIEW


@pytest.mark.parametrize(
    "agent",
    [
        *clients.CHECKERS,
        DESKTOP + "HeadlessChrome/141.0.0.0 Safari/537.36",
        "AcmeGatewayScanner/3.1",
        "Mozilla/5.0 (compatible; SomethingNew/1.0; +https://example.com/bot)",
        "okhttp/4.12.0",
        DESKTOP + "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Gmail-content-sampling",
    ],
)
def test_programs_that_say_they_are_none_of_a_persons_are_robots(agent):
    assert read(agent).role == Role.ROBOT


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (clients.GMAIL, "google-proxy"),
        (clients.GMAIL_EDGE, "google-proxy"),
        (clients.YAHOO, "yahoo-proxy"),
        ("FastmailUA/1.0", "fastmail-proxy"),
        ("Mozilla/5.0 (via SomeMail Image Proxy)", "mail-proxy"),
    ],
)
def test_mail_services_that_load_pictures_for_people_are_proxies(agent, name):
    assert read(agent)[:2] == (Role.PROXY, name)


@pytest.mark.parametrize("agent", ["Mozilla/5.0", " Mozilla/5.0 "])
def test_apples_prefetcher_says_mozilla_and_nothing_else(agent):
    assert read(agent).role == Role.PREFETCH


@pytest.mark.parametrize("agent", ["", "-", "   "])
def test_saying_nothing_is_a_role_of_its_own(agent):
    assert read(agent).role == Role.NONE


@pytest.mark.parametrize(
    ("agent", "system", "engine"),
    [
        (DESKTOP + "Chrome/141.0.0.0 Safari/537.36", "windows", "chromium"),
        (DESKTOP + "Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", "windows", "chromium"),
        (
            "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/120.0.0.0 Mobile Safari/537.36",
            "android",
            "chromium",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) CriOS/141.0 Mobile/15E148 Safari/604.1",
            "ios",
            "webkit",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.5 Safari/605.1.15",
            "mac",
            "webkit",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "linux",
            "gecko",
        ),
    ],
)
def test_browsers_say_their_system_and_engine(agent, system, engine):
    told = read(agent)

    assert (told.role, told.system, told.engine) == (Role.BROWSER, system, engine)


@pytest.mark.parametrize(
    "agent",
    [
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Outlook-iOS/709.2144270.prod.iphone (3.24.1)",
    ],
)
def test_mail_programs_are_known(agent):
    assert read(agent).role == Role.MAIL
