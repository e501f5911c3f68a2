"""Which mail program or browser it was, and on what device."""

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from tests.simulator import clients
from tracking import programs
from tracking.classify.agents import MAIL_PROXIES
from tracking.programs import CLIENTS, Device, parts, program, read

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT}"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {WEBKIT}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/142.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {BLINK}"


@pytest.mark.parametrize(
    ("agent", "client", "device"),
    [
        (f"{IPHONE} Mobile/15E148", "Apple Mail", Device.PHONE),
        (f"{IPAD} Mobile/15E148", "Apple Mail", Device.TABLET),
        (MAC, "Apple Mail", Device.DESKTOP),
        ("Mail/3826.600.51 CFNetwork/3826.600.41 Darwin/24.6.0", "Apple Mail", Device.DESKTOP),
        ("MobileMail/3826 CFNetwork/3826.600.41 Darwin/24.6.0", "Apple Mail", Device.PHONE),
        ("Mozilla/5.0", "Apple Mail, privacy protection", Device.HIDDEN),
        (clients.GMAIL, "Gmail", Device.HIDDEN),
        (clients.GMAIL_EDGE, "Gmail", Device.HIDDEN),
        (clients.YAHOO, "Yahoo and AOL Mail", Device.HIDDEN),
        ("Mozilla/5.0 (via SomeMail Image Proxy)", "Another mail service", Device.HIDDEN),
        ("Outlook-iOS/709.2042344.prod.iphone (3.21.0)", "Outlook mobile", Device.PHONE),
        ("Outlook-Android/2.0", "Outlook mobile", Device.PHONE),
        ("MacOutlook/16.46.21021202 (Intelx64 Mac OS X 11.2.2)", "Outlook for Mac", Device.DESKTOP),
        ("Outlook/16.16 CFNetwork/902.1 Darwin/17.7.0", "Outlook for Mac", Device.DESKTOP),
        (
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/7.0; Tablet PC 2.0; "
            "Microsoft Outlook 14.0.7113; ms-office; MSOffice 14)",
            *("Outlook", Device.DESKTOP),
        ),
        ("Microsoft Office/16.0 (Microsoft Outlook 16.0.12329; Pro)", "Outlook", Device.DESKTOP),
        (f"{WINDOWS} Edg/142.0.0.0 OneOutlook/1.2025.1111.100", "Outlook", Device.DESKTOP),
        ("WindowsMail/17.5.9600.22013", "Windows Mail", Device.DESKTOP),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0",
            *("Thunderbird", Device.DESKTOP),
        ),
        ("Yahoo%20Mail/49268 CFNetwork/1121.2.2 Darwin/19.3.0", "Yahoo Mail app", Device.PHONE),
        ("Mozilla/4.0 (compatible; Lotus-Notes/6.0; Windows-NT)", "HCL Notes", Device.DESKTOP),
        (f"{WINDOWS} eM Client/8.2.1659.0", "eM Client", Device.DESKTOP),
        (f"{WINDOWS} Foxmail/7.2.25.213", "Foxmail", Device.DESKTOP),
        ("NaverMailApp/2.2.2 (Android 10; SM-G986N)", "Naver Mail", Device.PHONE),
        ("The Bat! 4.0.0.22", "The Bat!", Device.DESKTOP),
        (f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", "Safari", Device.PHONE),
        (f"{MAC} Version/18.5 Safari/605.1.15", "Safari", Device.DESKTOP),
        (f"{IPHONE} CriOS/138.0.7204.33 Mobile/15E148 Safari/604.1", "Chrome", Device.PHONE),
        (f"{IPHONE} FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "Firefox", Device.PHONE),
        (f"{IPHONE} Version/18.0 EdgiOS/138.0 Mobile/15E148 Safari/604.1", "Edge", Device.PHONE),
        (f"{IPHONE} Mobile/15E148 Instagram 380.0.0.0", "Apps of social networks", Device.PHONE),
        (WINDOWS, "Chrome", Device.DESKTOP),
        (f"{WINDOWS} Edg/142.0.0.0", "Edge", Device.DESKTOP),
        (f"{WINDOWS} OPR/120.0.0.0", "Opera", Device.DESKTOP),
        (f"{ANDROID} Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome", Device.PHONE),
        (f"{ANDROID} Chrome/142.0.0.0 Safari/537.36", "Chrome", Device.TABLET),
        (
            f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            *("Samsung Internet", Device.PHONE),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15; SM-S921B; wv) {BLINK} Version/4.0 Chrome/142.0.0.0 "
            "Mobile Safari/537.36",
            *("Apps on Android", Device.PHONE),
        ),
        (
            "Mozilla/5.0 (Android 14; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0",
            *("Firefox", Device.TABLET),
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
            *("Internet Explorer", Device.DESKTOP),
        ),
        ("curl/8.9.1", "Robots and scanners", Device.NONE),
        ("WhatsApp/2.23.20.0 A", "Link previews", Device.NONE),
        ("", "Programs that say nothing", Device.NONE),
        ("Something/1.0", "Not known", Device.UNKNOWN),
    ],
)
def test_programs_are_known_by_what_they_say(agent, client, device):
    found = read(agent)

    assert (found[0].name, found[1]) == (client, device)
    assert parts(program(agent)) == (found[0].number, device)


def test_no_crawler_is_a_program_that_people_use():
    """Whatever browser it says to be as well."""
    samples = {
        sample: read(sample)[1]
        for entry in CRAWLER_USER_AGENTS_DATA
        for sample in entry["instances"]
        if entry["pattern"] not in MAIL_PROXIES
    }

    assert set(samples.values()) == {Device.NONE}


def test_numbers_stand_for_one_client_each():
    listed = [*programs._MAIL, *programs._BROWSERS]
    numbers = {(client.number, client.name) for client in [*listed, *CLIENTS.values()]}

    assert len(numbers) == len(CLIENTS)
    assert max(CLIENTS) << programs.DEVICE_BITS < 2**15
    assert max(Device) < 1 << programs.DEVICE_BITS


def test_numbers_stay_what_they_were():
    """They are stored: a number that changes its meaning rewrites old reports."""
    known = {1: "Gmail", 10: "Apple Mail", 14: "Outlook", 48: "SeaMonkey", 120: "Safari"}

    assert {number: CLIENTS[number].name for number in known} == known
