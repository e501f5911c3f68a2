"""Which mail program or browser loaded a picture or followed a link, and on what device. Pure.

For people who look at a report: families that they know, told from each other by what a program
says of itself. What says so is the table below, because lists of browsers know few mail programs;
which services stand in for a reader, and what is a robot, is known to tracking/classify/agents.py.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from tracking.classify import agents
from tracking.classify.agents import Role


class Device(IntEnum):
    """What kind of device it was. The numbers are stored."""

    UNKNOWN = 0
    DESKTOP = 1
    PHONE = 2
    TABLET = 3
    HIDDEN = 4  # a mail service loaded it in the reader's stead
    NONE = 5  # a robot, which has no screen


class Client(NamedTuple):
    """A family of programs."""

    number: int  # is stored: never changed, and never used for another one
    name: str
    words: tuple[str, ...] = ()  # of its user agents; any of them names it
    device: Device = Device.UNKNOWN  # where the user agent does not say it


# A program's number is its client's and its device's.
DEVICE_BITS: Final = 3
UNKNOWN: Final = Client(0, "Not known")
GMAIL: Final = Client(1, "Gmail", device=Device.HIDDEN)
YAHOO: Final = Client(2, "Yahoo and AOL Mail", device=Device.HIDDEN)
FASTMAIL: Final = Client(3, "Fastmail", device=Device.HIDDEN)
SHORTWAVE: Final = Client(4, "Shortwave", device=Device.HIDDEN)
SERVICE: Final = Client(5, "Another mail service", device=Device.HIDDEN)
PREFETCH: Final = Client(6, "Apple Mail, privacy protection", device=Device.HIDDEN)
PREVIEW: Final = Client(7, "Link previews", device=Device.NONE)
ROBOT: Final = Client(8, "Robots and scanners", device=Device.NONE)
SILENT: Final = Client(9, "Programs that say nothing", device=Device.NONE)
APPLE: Final = Client(10, "Apple Mail")

# Services that load pictures for a reader, by the code that agents.py has for them.
_SERVICES: Final = {
    "google-proxy": GMAIL,
    "yahoo-proxy": YAHOO,
    "fastmail-proxy": FASTMAIL,
    "shortwave-proxy": SHORTWAVE,
}
_ROLES: Final = {
    Role.PREFETCH: PREFETCH,
    Role.PREVIEW: PREVIEW,
    Role.ROBOT: ROBOT,
    Role.NONE: SILENT,
}

_DESKTOP, _PHONE = Device.DESKTOP, Device.PHONE
# The first is believed of which a word stands in the user agent, with a space put before it. Most
# name the engine that they are built on as well, so that browsers come last, and of these the ones
# on which others are built. Words rather than patterns, because all are tried on each new one.
_MAIL: Final = (
    Client(11, "Outlook mobile", ("Outlook-iOS", "Outlook-Android", "office.outlook"), _PHONE),
    Client(
        *(12, "Windows Mail"),
        ("WindowsMail", "Outlook-Express", "Windows Live Mail", "HxMail"),
        _DESKTOP,
    ),
    Client(13, "Outlook for Mac", ("MacOutlook", " Outlook/"), _DESKTOP),
    Client(
        *(14, "Outlook"),
        ("Microsoft Outlook", "OneOutlook", "MSOffice", "ms-office", "Microsoft Office"),
        _DESKTOP,
    ),
    Client(15, "Thunderbird", ("Thunderbird", "Icedove", "Betterbird", "K-9 Mail")),
    Client(16, "Samsung Email", ("SamsungEmail", "Samsung Email", "android.email"), _PHONE),
    Client(
        *(17, "Yahoo Mail app"),
        ("YahooMobileMail", "Yahoo%20Mail/", "YahooMail/", "yahoo.ymail"),
        _PHONE,
    ),
    Client(18, "AOL app", ("AOL%20", "AOLMail/", "AOLApp/", "aol.mobile"), _PHONE),
    Client(
        *(19, "HCL Notes"),
        ("Lotus-Notes", "Lotus Notes", "LotusNotes", "HCL-Notes", "HCL Notes", "IBM Notes"),
        _DESKTOP,
    ),
    Client(20, "eM Client", ("eM Client", "eMClient"), _DESKTOP),
    Client(21, "Postbox", ("Postbox",), _DESKTOP),
    Client(22, "The Bat!", ("The Bat!",), _DESKTOP),
    Client(23, "Airmail", ("Airmail",), _DESKTOP),
    Client(24, "MailMate", ("MailMate",), _DESKTOP),
    Client(25, "Mailspring", ("Mailspring",), _DESKTOP),
    Client(26, "BlueMail", ("BlueMail",)),
    Client(27, "Spark", (" Spark/", "SparkDesktop", "Spark%20Desktop", "readdle")),
    Client(28, "Canary Mail", ("Canary Mail", "Canary%20Mail", "CanaryMail")),
    Client(29, "Zimbra", ("Zimbra",)),
    Client(30, "Evolution", ("Evolution/",), _DESKTOP),
    Client(31, "KMail", ("KMail", "Kontact"), _DESKTOP),
    Client(32, "Geary", ("Geary",), _DESKTOP),
    Client(33, "FairEmail", ("FairEmail",), _PHONE),
    Client(34, "Mailbird", ("Mailbird",), _DESKTOP),
    Client(35, "Edison Mail", ("Edison Mail", "Edison%20Mail", "EdisonMail"), _PHONE),
    Client(36, "Proton Mail", ("ProtonMail", "Proton Mail", "Proton%20Mail")),
    Client(37, "Tuta", ("tutanota", " Tuta/")),
    Client(38, "Naver Mail", ("NaverMail",), _PHONE),
    Client(39, "Daum Mail", ("DaumMail",), _PHONE),
    Client(40, "Foxmail", ("Foxmail",), _DESKTOP),
    Client(41, "NetEase Mail Master", ("MailMaster",)),
    Client(42, "QQ Mail", ("QQMail",)),
    Client(43, "Zoho Mail", ("ZohoMail", "Zoho Mail", "Zoho%20Mail")),
    Client(44, "Superhuman", ("Superhuman",)),
    Client(45, "Mimestream", ("Mimestream",), _DESKTOP),
    Client(46, "Missive", ("Missive",)),
    Client(47, "Front", (" Front/", "FrontApp")),
    Client(48, "SeaMonkey", ("SeaMonkey",), _DESKTOP),
    APPLE._replace(words=("MobileMail/",), device=_PHONE),
    APPLE._replace(words=("Apple Mail", " Mail/"), device=_DESKTOP),
)
_BROWSERS: Final = (
    Client(
        *(100, "Apps of social networks"),
        (
            *("FBAN/", "FBAV/", "FB_IAB", "Instagram", "LinkedInApp", "Snapchat", "Pinterest"),
            *("TikTok", "musical_ly", "Twitter for", " Line/"),
        ),
        _PHONE,
    ),
    Client(101, "Google app", (" GSA/",), _PHONE),
    Client(102, "Edge", ("Edg/", "EdgA/", "EdgiOS/", "Edge/")),
    Client(103, "Opera", ("OPR/", "OPX/", "OPT/", "OPiOS/", "Opera")),
    Client(104, "Samsung Internet", ("SamsungBrowser/",), _PHONE),
    Client(105, "Vivaldi", ("Vivaldi/",)),
    Client(106, "Yandex Browser", ("YaBrowser/",)),
    Client(107, "DuckDuckGo", ("DuckDuckGo/", " Ddg/")),
    Client(108, "Brave", ("Brave/",)),
    Client(109, "UC Browser", ("UCBrowser/", "UBrowser/")),
    Client(110, "Huawei Browser", ("HuaweiBrowser/",)),
    Client(111, "Mi Browser", ("MiuiBrowser/",)),
    Client(112, "Whale", ("Whale/",)),
    Client(113, "QQ Browser", ("QQBrowser",)),
    Client(114, "Amazon Silk", ("Silk/",)),
    Client(115, "Ecosia", ("Ecosia",)),
    Client(116, "Internet Explorer", ("MSIE ", "Trident/"), _DESKTOP),
    Client(117, "Firefox", ("Firefox/", "FxiOS/", "Focus/", "Klar/")),
    # Mail programs and others on Android show mail and pages in the system's view.
    Client(118, "Apps on Android", ("; wv)", "Version/4.0 Chrome/")),
    Client(119, "Chrome", ("Chrome/", "Chromium/", "CriOS/")),
    Client(120, "Safari", ("Safari/",)),
)
# What Apple's Mail says when it loads pictures itself, and so does any view of mail or of pages in
# a program on an iPhone or iPad: the system's engine without the name of a browser.
_APPLES_VIEW: Final = re.compile(
    r"Mozilla/5\.0 \((?:Macintosh|iPhone|iPad|iPod)[^)]*\) AppleWebKit/[\d.]+"
    r"(?: \(KHTML, like Gecko\))?(?: Mobile/\w+)?"
)
CLIENTS: Final = {
    client.number: client
    for client in (
        *(UNKNOWN, *_SERVICES.values(), SERVICE, *_ROLES.values(), APPLE, *_BROWSERS),
        *(client for client in _MAIL if client.number != APPLE.number),
    )
}
_WORDS: Final = tuple((word, client) for client in (*_MAIL, *_BROWSERS) for word in client.words)
# A device by the words that name it; the first is believed.
_DEVICES: Final = tuple(
    (word, device)
    for device, words in (
        (Device.TABLET, ("iPad", "; Tablet;", "PlayBook", "Kindle")),
        (Device.PHONE, ("iPhone", "iPod", "Windows Phone", "Mobile Safari/", "Mobile;")),
        (Device.PHONE, ("Android",)),
        (Device.DESKTOP, ("Windows", "Macintosh", "Mac OS X", "CrOS", "X11", "Linux")),
    )
    for word in words
)
_NO_DEVICE: Final = ("", Device.UNKNOWN)


@lru_cache(maxsize=16_384)
def program(user_agent: str) -> int:
    """Return the number of what a user agent names, with its device in the lowest DEVICE_BITS."""
    client, device = read(user_agent)
    return client.number << DEVICE_BITS | device


def read(user_agent: str) -> tuple[Client, Device]:
    """Return the client and the kind of device that a user agent names."""
    agent = agents.read(user_agent)
    client = _ROLES.get(agent.role)
    if agent.role == Role.PROXY:
        client = _SERVICES.get(agent.name, SERVICE)
    if client:
        return client, client.device
    return _client(user_agent)


def parts(number: int) -> tuple[int, Device]:
    """Return the numbers of the client and of the device that a program's number is made of."""
    return number >> DEVICE_BITS, Device(number & ((1 << DEVICE_BITS) - 1))


def _client(user_agent: str) -> tuple[Client, Device]:
    if _APPLES_VIEW.fullmatch(user_agent):
        client = APPLE
    else:
        text = f" {user_agent}"
        client = next((known for word, known in _WORDS if word in text), UNKNOWN)
    return client, _device(user_agent) or client.device


def _device(user_agent: str) -> Device:
    word, device = next((known for known in _DEVICES if known[0] in user_agent), _NO_DEVICE)
    if word == "Android" and user_agent.startswith("Mozilla/"):
        # Browsers on small screens say `Mobile`.
        return Device.PHONE if "Mobile" in user_agent else Device.TABLET
    return device
