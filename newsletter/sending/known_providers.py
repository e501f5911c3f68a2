"""Mailbox providers that everybody writes to: their domains, and the ends of their MX names.

Each name below is that of a real service. A row of the model Provider adds to this, or overrides
it: see newsletter/sending/providers.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A provider. `mx` are ends of the names of servers that also take mail for other domains."""

    slug: str
    name: str
    domains: tuple[str, ...]
    mx: tuple[str, ...] = ()


def _in(label: str, ends: str) -> tuple[str, ...]:
    return tuple(f"{label}.{end}" for end in ends.split())


_HOTMAIL = (
    "com co.uk fr de it es be nl se no dk fi gr ch at ca cl co.il co.jp co.kr co.nz co.th co.za "
    "com.ar com.au com.br com.hk com.tr com.tw com.vn cz hu ie in jp lt lv my ph pt rs sg sk"
)
_OUTLOOK = (
    "com at be cl co.id co.il co.nz co.th com.ar com.au com.br com.gr com.pe com.tr com.vn cz de "
    "dk es fr hu ie in it jp kr lv my ph pt sa sg sk"
)
_LIVE = (
    "com co.uk fr de it nl be se no dk fi at ca cl cn co.kr co.za com.ar com.au com.mx com.my "
    "com.ph com.pt com.sg hk ie in jp ru"
)
_YAHOO = (
    "com co.uk fr de it es ca ie in gr dk no se ro pl nl at be ch co.id co.in co.jp co.kr co.nz "
    "co.th co.za com.ar com.au com.br com.cn com.co com.hk com.mx com.my com.pe com.ph com.sg "
    "com.tr com.tw com.ve com.vn cz fi hu pt"
)
_YANDEX = "ru com com.tr by kz ua"

KNOWN = (
    Known(
        "gmail",
        "Gmail",
        ("gmail.com", "googlemail.com"),
        ("google.com", "googlemail.com", "smtp.goog"),
    ),
    Known(
        "microsoft",
        "Microsoft",
        (
            *_in("hotmail", _HOTMAIL),
            *_in("outlook", _OUTLOOK),
            *_in("live", _LIVE),
            *("msn.com", "passport.com", "windowslive.com"),
        ),
        ("protection.outlook.com", "mx.microsoft"),
    ),
    Known(
        "yahoo",
        "Yahoo and AOL",
        (
            *_in("yahoo", _YAHOO),
            *("ymail.com", "rocketmail.com", "myyahoo.com"),
            *_in("aol", "com co.uk de fr it es nl be ca com.au com.br in jp"),
            *("aim.com", "love.com", "games.com", "wow.com", "verizon.net", "netscape.net"),
        ),
        ("yahoodns.net",),
    ),
    Known("apple", "Apple", ("icloud.com", "me.com", "mac.com"), ("mail.icloud.com",)),
    Known(
        "united-internet",
        "GMX, WEB.DE and mail.com",
        (
            *_in("gmx", "de net at ch com co.uk org info biz eu fr es it us li"),
            *("web.de", "mail.com", "email.com", "caramail.com"),
        ),
        (
            "gmx.net",
            "web.de",
            "mail.com",
        ),
    ),
    Known(
        "ionos",
        "IONOS",
        ("online.de", "1und1.de"),
        ("kundenserver.de", "ionos.com", "ionos.de", "ionos.co.uk", "1and1.com", "1and1.co.uk"),
    ),
    Known("t-online", "T-Online", ("t-online.de", "magenta.de"), ("t-online.de",)),
    Known("freenet", "freenet", ("freenet.de",), ("freenet.de",)),
    Known("orange", "Orange", ("orange.fr", "wanadoo.fr", "voila.fr"), ("orange.fr", "wanadoo.fr")),
    Known("free", "Free", ("free.fr", "freesbee.fr", "libertysurf.fr"), ("free.fr",)),
    Known("sfr", "SFR", ("sfr.fr", "neuf.fr", "cegetel.net", "club-internet.fr"), ("sfr.fr",)),
    Known("laposte", "La Poste", ("laposte.net",), ("laposte.net",)),
    Known("comcast", "Comcast", ("comcast.net", "xfinity.com"), ("comcast.net",)),
    Known("charter", "Charter", ("charter.net", "spectrum.net", "rr.com"), ("charter.net",)),
    Known("cox", "Cox", ("cox.net",), ("cox.net",)),
    Known(
        "bt",
        "BT",
        ("btinternet.com", "btopenworld.com", "talk21.com"),
        ("btinternet.com",),
    ),
    Known("libero", "Libero", ("libero.it", "virgilio.it", "iol.it", "inwind.it"), ("libero.it",)),
    Known("telenet", "Telenet", ("telenet.be",), ("telenet.be",)),
    Known("ziggo", "Ziggo", ("ziggo.nl", "home.nl", "upcmail.nl", "casema.nl"), ("ziggo.nl",)),
    Known("kpn", "KPN", ("kpnmail.nl", "planet.nl", "hetnet.nl", "xs4all.nl"), ("kpnmail.nl",)),
    Known("bluewin", "Bluewin", ("bluewin.ch",), ("bluewin.ch",)),
    Known("wp", "Wirtualna Polska", ("wp.pl", "o2.pl", "tlen.pl"), ("wp.pl", "o2.pl")),
    Known("onet", "Onet", ("onet.pl", "op.pl", "poczta.onet.pl", "vp.pl"), ("onet.pl",)),
    Known("interia", "Interia", ("interia.pl", "interia.eu", "poczta.fm"), ("interia.pl",)),
    Known("seznam", "Seznam", ("seznam.cz", "email.cz", "post.cz"), ("seznam.cz",)),
    Known(
        "proton",
        "Proton",
        ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        ("protonmail.ch", "proton.ch"),
    ),
    Known(
        "tuta",
        "Tuta",
        ("tuta.com", "tutanota.com", "tutanota.de", "tuta.io", "keemail.me"),
        ("tutanota.de",),
    ),
    Known("fastmail", "Fastmail", ("fastmail.com", "fastmail.fm"), ("messagingengine.com",)),
    Known("posteo", "Posteo", ("posteo.de", "posteo.net", "posteo.eu"), ("posteo.de",)),
    Known("mailbox-org", "mailbox.org", ("mailbox.org",), ("mailbox.org",)),
    Known(
        "zoho",
        "Zoho",
        ("zoho.com", "zohomail.com", "zoho.eu", "zohomail.eu"),
        ("zoho.com", "zoho.eu", "zoho.in", "zohomail.com"),
    ),
    Known(
        "mail-ru",
        "Mail.ru",
        ("mail.ru", "bk.ru", "inbox.ru", "list.ru", "internet.ru"),
        ("mail.ru",),
    ),
    Known(
        "yandex",
        "Yandex",
        (*_in("yandex", _YANDEX), "ya.ru", "narod.ru"),
        ("yandex.ru", "yandex.net"),
    ),
    Known("rambler", "Rambler", ("rambler.ru", "lenta.ru", "ro.ru"), ("rambler.ru",)),
    Known("ukr-net", "UKR.NET", ("ukr.net",), ("ukr.net",)),
    Known("qq", "Tencent QQ", ("qq.com", "vip.qq.com", "foxmail.com"), ("qq.com",)),
    Known(
        "netease",
        "NetEase",
        ("163.com", "126.com", "yeah.net", "vip.163.com", "188.com"),
        ("netease.com",),
    ),
    Known("sina", "Sina", ("sina.com", "sina.cn"), ("sina.com.cn",)),
    Known("aliyun", "Alibaba", ("aliyun.com",), ("aliyun.com", "mxhichina.com")),
    Known("naver", "Naver", ("naver.com",), ("naver.com",)),
    Known("daum", "Daum and Kakao", ("daum.net", "hanmail.net", "kakao.com"), ("hanmail.net",)),
    Known("docomo", "NTT Docomo", ("docomo.ne.jp",), ("docomo.ne.jp",)),
    Known("rediff", "Rediffmail", ("rediffmail.com",), ("rediffmail.com",)),
    Known("uol", "UOL and BOL", ("uol.com.br", "bol.com.br"), ("uol.com.br",)),
    Known("terra", "Terra", ("terra.com.br",), ("terra.com.br",)),
)
