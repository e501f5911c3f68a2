"""Programs as they show themselves: real user agents, and the headers that go with them."""

from random import Random

from tests.simulator.traces import Client, Headers

_SYSTEMS = {
    "windows": ("Windows NT 10.0; Win64; x64", '"Windows"'),
    "mac": ("Macintosh; Intel Mac OS X 10_15_7", '"macOS"'),
    "linux": ("X11; Linux x86_64", '"Linux"'),
    "android": ("Linux; Android 10; K", '"Android"'),
}
_HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
_PICTURE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_LANGUAGES = ["en-GB,en;q=0.9", "en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9"]
CHROME_NOW = 153  # in the summer of 2026

GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
PREVIEWS = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 "
    "skype-url-preview@microsoft.com",
]
CHECKERS = [
    "W3C-checklink/4.81 libwww-perl/6.67",
    "python-requests/2.32.3",
    "Go-http-client/2.0",
    "curl/8.9.1",
    "LinkChecker/10.4 (+https://linkchecker.github.io/linkchecker/)",
    "Mozilla/5.0 (compatible; AhrefsSiteAudit/6.1; +http://ahrefs.com/robot/site-audit)",
]


def _page(headers: Headers, language: str) -> Headers:
    return {
        "accept": _HTML,
        "accept-language": language,
        "accept-encoding": "gzip, deflate, br, zstd",
        "upgrade-insecure-requests": "1",
        "sec-fetch-site": "none",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
        **headers,
    }


def _picture(headers: Headers, language: str) -> Headers:
    return {
        "accept": _PICTURE,
        "accept-language": language,
        "accept-encoding": "gzip, deflate, br, zstd",
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "no-cors",
        "sec-fetch-dest": "image",
        **headers,
    }


def _both(agent: str, headers: Headers, language: str) -> Client:
    return Client(agent, _page(headers, language), _picture(headers, language))


def chrome(
    random: Random, system: str = "windows", version: int | None = None, brand: str = ""
) -> Client:
    """Return Chrome, or by `brand` Edge (" Edg/")."""
    version = version or CHROME_NOW - int(random.expovariate(0.9))
    platform, hint = _SYSTEMS[system]
    mobile = "Mobile " if system == "android" else ""
    agent = (
        f"Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{version}.0.0.0 {mobile}Safari/537.36"
    )
    if brand:
        agent += f"{brand}{version}.0.0.0"
    brands = f'"Chromium";v="{version}", "Google Chrome";v="{version}", "Not/A)Brand";v="8"'
    headers = {
        "sec-ch-ua": brands,
        "sec-ch-ua-mobile": "?1" if mobile else "?0",
        "sec-ch-ua-platform": hint,
    }
    return _both(agent, headers, random.choice(_LANGUAGES))


def firefox(random: Random) -> Client:
    version = random.choice([140, 151, 152])
    agent = (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}.0) "
        f"Gecko/20100101 Firefox/{version}.0"
    )
    return _both(agent, {}, random.choice(_LANGUAGES))


def safari(random: Random) -> Client:
    version = random.choice(["17.6", "18.5", "26.0", "26.2"])
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        f"Version/{version} Safari/605.1.15"
    )
    return _both(agent, {}, random.choice(_LANGUAGES))


def iphone(random: Random) -> Client:
    major, minor = random.choice([(15, 8), (17, 6), (18, 5), (18, 6), (18, 7)])
    kind = random.choice(["Version/{v} Mobile/15E148 Safari/604.1"] * 4 + ["Mobile/15E148"])
    agent = (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS {major}_{minor} like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) " + kind.format(v=f"{major}.{minor}")
    )
    client = _both(agent, {}, random.choice(_LANGUAGES))
    if (major, minor) < (16, 4):
        for headers in client[1:]:
            for name in [name for name in headers if name.startswith("sec-fetch")]:
                del headers[name]
    return client


def samsung(random: Random) -> Client:
    client = chrome(random, "android", 130)
    agent = (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"
    )
    return client._replace(agent=agent)


def webview(random: Random) -> Client:
    """Return the window that an Android mail program shows mail in."""
    client = chrome(random, "android")
    agent = client.agent.replace("Android 10; K", "Android 15; SM-S921B Build/AP3A; wv")
    client.picture["x-requested-with"] = "com.samsung.android.email.provider"
    return client._replace(agent=agent.replace("Chrome/", "Version/4.0 Chrome/"))


def desktop(random: Random) -> Client:
    maker = random.choices(
        [chrome, lambda r: chrome(r, "windows", brand=" Edg/"), lambda r: chrome(r, "mac"), firefox,
         safari, lambda r: chrome(r, "linux")], [40, 25, 12, 9, 12, 2],
    )[0]  # fmt: skip
    return maker(random)


def mobile(random: Random) -> Client:
    maker = random.choices([iphone, lambda r: chrome(r, "android"), samsung], [55, 35, 10])[0]
    return maker(random)


def mail_program(random: Random) -> Client:
    """Return a program that loads pictures itself, with few headers."""
    agent = random.choice(
        [
            "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; "
            "Microsoft Outlook 16.0.5122)",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko)",
            "Outlook-iOS/709.2144270.prod.iphone (3.24.1)",
        ]
    )
    return Client(agent, {}, {"accept": "*/*", "accept-encoding": "gzip, deflate"})


def bare(agent: str, **headers: str) -> Client:
    """Return a program that sends hardly more than its name."""
    sent = {"accept": "*/*", "accept-encoding": "gzip, deflate", **headers}
    return Client(agent, sent, sent)


def disguised(random: Random) -> Client:
    """Return what a scanner uses: plain Chrome on Windows, often an old one, in three dresses."""
    version = random.choice([79, 96, 109, 119, 124, 131, 138, 145, 150, CHROME_NOW])
    client = chrome(random, random.choice(["windows", "windows", "linux", "mac"]), version)
    dress = random.random()
    if dress < 0.45:
        return bare(client.agent)
    if dress < 0.6:  # a browser without a window, which says no language
        for headers in client[1:]:
            headers.pop("accept-language")
    return client
