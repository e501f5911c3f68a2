"""Why a mail was refused: one classifier for SMTP replies and for bounce mail. Pure.

Promise: ADDRESS, which costs a person their newsletter for ever, is said only of a permanent
refusal that gives positive evidence: an enhanced code or words which say that the address does not
exist. Words about the sender win over words about the recipient, and words win over codes, since
many servers answer with a general or a misleading code ("550 5.1.1 ... blocked", "554 5.7.1 user
unknown"). What says nothing is read by the stage at which it was said: a bare 5xx to RCPT TO is a
MAILBOX that failed (this mail is over, the person stays); a bare 5xx to the mail itself is POLICY,
because the recipient had been taken before the content was seen.

Sources: RFC 3463, 5248, 7372, 7504, 7505 and the IANA registry of enhanced status codes; the pages
on which Google, Microsoft, Yahoo, Apple, GMX, T-Online, Orange, Comcast, Tencent, Mimecast,
Proofpoint and Amazon explain their answers; the texts in the sources of Postfix, Exim, Sendmail,
qmail, Courier, OpenSMTPD and Dovecot.
"""

import re
from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST = 2_000  # characters that are read of a text


class Cause(StrEnum):
    """Whose fault a refusal is, which decides what is done about it."""

    ADDRESS = "address"  # the address is wrong: never write to it again
    MAILBOX = "mailbox"  # the address may be right, its mailbox takes nothing now
    POLICY = "policy"  # we are not trusted: reputation, block list, authentication, rate, spam
    SERVER = "server"  # a server's trouble, or our account with it: relay denied, quota, syntax
    CONTENT = "content"  # this one mail: too large, 8-bit, malformed


class Stage(Enum):
    """What a reply answered."""

    CONNECT = auto()  # the connection, the greeting, EHLO, STARTTLS, AUTH
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    BODY = auto()
    BOUNCE = auto()  # none of these: a bounce mail that came later


class Refusal(NamedTuple):
    """What a refusal means. `is_final`: the server will not take this mail later either."""

    cause: Cause
    is_final: bool


_A, _M, _P, _S, _C = Cause.ADDRESS, Cause.MAILBOX, Cause.POLICY, Cause.SERVER, Cause.CONTENT

# --- words ------------------------------------------------------------------------------------
# The first line that fits decides. Texts are in lower case, without addresses and codes.

_WHO = (
    r"\b(?:users?|mailbox(?:es)?|mail ?box|mail ?drop|recipients?|(?:e-?mail )?account|addressee|"
    r"inbox|(?:e-?mail )?address(?:es)?|alias|subscriber|customer|destinataire|adresse|"
    r"empf[aä]nger|benutzer|local part)\b"
)
_NEAR = r"\W{1,4}(?:[^\s.;:]+\s+){0,7}?"  # up to seven words of the same sentence
_NOW = r"(?:has been|is|was|are|temporarily|currently|permanently)"
_IS_NOT = r"(?:is|was|are|does|do|has|have|been|could|can|did)(?: ?n[o']t|n't|not)"
# What agrees with an enhanced code that says that there is, or was, such a mailbox (X.2.x).
_GONE = (
    rf"{_WHO}{_NEAR}(?:inactive|deactivated|discontinued|deleted|closed|expired|removed|"
    r"terminated|cancell?ed|has moved)"
)

_WORDS: Final[tuple[tuple[Cause, tuple[str, ...]], ...]] = (
    # Words that look as if they were about the sender, and are not.
    (
        _M,
        (
            r"gr[ae]y-?\s?list|postgrey",
            rf"{_WHO} .{{0,50}}(?:is )?receiving (?:mail|messages|e-?mails?) (?:at|too)",  # Gmail
            rf"{_WHO} (?:{_NOW} )*(?:blocked|suspended|locked|frozen|quarantined)\b",
            r"(?:refused|rejected) (?:due to|by) recipient|recipient limits? exceeded",
            # Programs that deliver into a mailbox.
            r"(?:couldn't|can't|cannot|could not|unable to) (?:create|open|lock|write|append)",
        ),
    ),
    # Closed circles: the address is right, and we are not among those who may write to it.
    (
        _P,
        (
            r"permission to post|groups\.google\.com|resolver\.rst\.|restrictedtorecipients",
            r"not in the recipient'?s allowed|"
            r"only accepts? (?:mail|messages|e-?mails?) from (?:its|members|people|certain|speci)",
        ),
    ),
    (_C, (r"message size exceeds",)),
    # Closed circles: the address is right, and we are not among those who may write to it.
    (
        _P,
        (
            r"permission to post|groups\.google\.com|resolver\.rst\.|restrictedtorecipients",
            r"not in the recipient'?s allowed|"
            r"only accepts? (?:mail|messages|e-?mails?) from (?:its|members|people|certain|speci)",
        ),
    ),
    (
        _A,
        (
            # Microsoft's Directory-Based Edge Blocking, with 5.4.1: nobody of this name.
            r"^recipient address rejected: access denied.*(?:\[as\(|outlook\.com|aka\.ms|$)",
        ),
    ),
    # The way to the server; then our account with a relay, and what we say to it.
    (
        _S,
        (
            r"lost connection|connection timed? ?out|failed connect|envelope expired",
            r"\brelay(?:ing)?\b.{0,30}\b(?:denied|prohibited|not|forbidden|rejected|disallowed)",
            r"(?:unable to|cannot|can't|not (?:permitted|allowed|authorized) to|do not|don't|no|"
            r"denied|refuse to|attempted) relay",
            r"allowed rcpthosts|not a gateway|not an open relay|tenantattribution",
            r"smtp auth|authentication (?:is )?required|must (?:be )?authenticate|not logged in",
            r"(?:client|you) (?:was|were|are|must be) (?:not )?authenticated|starttls|"
            r"must issue an? |credentials|(?:username|password) .{0,20}(?:not accepted|incorrect)",
            r"(?:sending|send|daily|hourly|monthly|message|mail|credits?) (?:user )?(?:sending )?"
            r"(?:quota|limit|rate|credits?) (?:\w+ )?(?:exceeded|reached)|credits exceeded",
            r"maximum (?:sending rate|credits)|sending paused|throttling failure",
            r"too many recipients|too many hops|mail loop|loop detected|routing loop|hop count",
        ),
    ),
    # Reputation, block lists, and how we present ourselves.
    (
        _P,
        (
            r"spamhaus|spamcop|barracuda(?:central| reputation)|sorbs\.net|abuseat|uceprotect|"
            r"surbl|uribl|invaluement|senderscore|cloudmark|spamrats|hostkarma|ipcheck\.proofpoint",
            r"\b(?:dns|r|u|uri)?[bw]ls?\b|\bd?nsbl|(?:black|block|deny|reject)[- ]?list|"
            r"(?<!not )\blisted (?:at|by|in|on)\b|delist|"
            r"postmaster\.(?:gmx|web)\.\S*c=(?:rdns|bip|bl)",
            r"reputation|\bblock(?:ed|s|ing)?\b|_blocked|\bbann?ed\b|\bblackhole",
            r"\bspf\b|\bdkim\b|\bdmarc\b|\barc\b|sender policy|sender[- ]?id|unauthenticated|"
            r"authentication (?:information|results?|level|checks?|fail)|anti-?spoof|spoof",
            r"reverse (?:dns|lookup|hostname|ptr|record)|\bptr\b|\brdns\b|\bfcrdns\b|"
            r"client host rejected|\bhelo\b|\behlo\b|may not be mail exchanger|"
            r"mismatch(?:es)? client ip|no valid hostname|dynamic ip",
            r"\bsenders?\b.{0,80}\b(?:reject|denied|refus|not|unknown|invalid|verif|prohibit|"
            r"unauthori|bad|mismatch|identity)|(?:reject|refus|denied|invalid|unknown|verify|"
            r"verifying|bad|domain of|unrout\w+) .{0,20}\bsender\b|badmailfrom|return[- ]?path",
            r"verification failed for|(?:after|reply to|to) mail from|"
            r"mail from (?:domain|ip|address|.{0,40} reject)|from (?:address|header|domain)|"
            r"identities failed the check|(?:your|this|sending|source|client|access) ip\b",
            r"\bgo away\b|open proxy|no access from|not allowed to (?:connect|send)|"
            r"(?:not|n't|not currently|be) (?:accept\w*|reject\w*) (?:\w+ )?from|"
            r"connections? from this|delivery not authorized|our spam policy|remotehost",
        ),
    ),
    # How much, how fast, and what for.
    (
        _P,
        (
            r"too many (?!hops|recipients|received)|too (?:fast|frequent|much mail)|slow down",
            r"rate[- ]?limit|\brate\b.{0,30}(?:exceed|limit|control)|throttl|frequency limited",
            r"(?:connection|concurren\w*|session)s? .{0,20}(?:limit|exceed)|trop de connexions",
            r"unusual (?:rate|activity)|excessive|flood|unexpected volume|user complaints",
            r"temporarily deferred|\[ts[su]\d+\]|suspicious activity|server busy",
            r"(?<![-.\w])spam(?![-.]\w)|spam(?:my|ming|mer|signature|trap|score)|mcspam|\bjunk\b",
            r"\bbulk\b|unsolicited|\bphish|\bvirus|malware|malicious|infected|suspicious|"
            r"suspicion|abus(?:e|ive)\b|complaint|\bscam|harmful|unwanted",
            r"content (?:was |is )?(?:reject|denied|den|filter|examination|restrict|polic)|"
            r"(?:local|security|polic(?:y|ies)) (?:polic(?:y|ies)|reasons?|restriction|violation)|"
            r"(?:by|to|against|violat\w+) (?:\w+ ){0,3}polic(?:y|ies)|header based",
            r"\((?:rly|hvu|dns|con|rtr|hvp|dyn|cip|bl)\s?:",  # AOL's codes
            r"\bof[r0]_?(?:00\d_)?(?:1\d\d|50\d|99\d)\b|lpn\d{3}_(?:1\d\d|50\d|6\d\d)",  # Orange
            r"postmaster\.comcast\.net|\b(?:bl|rl)0000\d\d\b",
            r"a problem occurred\. \(ask your postmaster|tosa@",  # T-Online
            r"\((?:s3140|s77\d+|s775|s844)\)|\b(?:sc|dy|ou|rp|ba)-00\d\b",  # Outlook.com
            r"\bdt:sp|\bmi:s|\bip:\s?\S+ (?:is )?(?:limited|rejected)",  # NetEase
        ),
    ),
    # The mailbox is there, and takes nothing at present.
    (
        _M,
        (
            rf"(?:over|exceed\w*|out of|limit|full|reached|insufficient).{{0,30}}\bquota|\bquota\b"
            rf".{{0,30}}(?:exceed|full|over|reached|violat)|overquota|{_WHO}{_NEAR}(?:is )?(?:full|"
            r"over|at its limit|out of)",
            r"(?:storage|space|disk) .{0,30}(?:exceed|full|limit|exhaust)|out of (?:storage|space|"
            r"disk)|(?:mail|in)?box.{0,10} full|mailfolder|pleine\b|postfach (?:ist )?voll|archiv",
            r"not enough (?:storage )?space|exceeded storage allocation|mailsize.{0,20}exceed",
            rf"{_WHO}{_NEAR}(?:temporar\w+|currently|disabled|restricted|on hold|vacation|moving)",
            rf"(?:temporar\w+|currently) (?:\w+ ){{0,3}}{_WHO}|unverified address",
            r"would exceed|exceeded the local limit|used up|too much mail data|"
            r"too many messages on the server|no space left|enough (?:disk )?space|"
            r"does not want|refuses (?:to accept )?(?:your )?mail",
            r"buz[oó]n lleno|casella piena|caixa .{0,20}cheia|pe[lł]na|przepe[lł]niona|переполнен",
        ),
    ),
    # There is no such address, or no such domain.
    (
        _A,
        (
            r"(?:unknown|invalid|invalide|inconnue?|no such|non-?exist[ea]nt|not a valid|no valid|"
            r"unrecogni[sz]ed|undeliverable|bad|incorrect|illegal|unrout\w+|unbekannte\w?|no) "
            rf"(?:\w+[ -]){{0,2}}{_WHO}",
            rf"{_WHO}{_NEAR}(?:unknown|invalide?|inconnue?|unbekannt|{_IS_NOT} (?:exist|found|"
            r"known|valid|listed|recogni[sz]ed|be found|a known|a valid|registered|active)|"
            r"not (?:exist|found|known|valid|listed|recogni[sz]ed|here|registered|our)|"
            r"no longer|non-?exist|doesn'?t exist|no existe|n'existe)",
            _GONE,
            r"no mailbox here|not our customer|not listed in|n[o']t have an? \S* ?account|"
            r"no account|nosuchuser|is not a registered|name is not recogni[sz]ed|mailbox not",
            r"recip(?:ient)?notfound|unrouteable|no such (?:person|name|id)|who are you looking",
            r"\bof[r0]_?(?:00\d_)?416\b|recipient no longer|user (?:has )?moved|no recipients? by",
            r"\b(?:host|domain)(?:name| name)?\b.{0,20}(?:unknown|not found|not exist|n't exist|"
            r"invalid|not reachable)|(?:unknown|no such|invalid) (?:host|domain)|nxdomain",
            r"null ?mx|mx .{0,30}length 0|find (?:a|any) mail exchanger|no mail exchanger|"
            r"indicated no smtp service|"
            r"(?:n't|not) (?:accept|receive) (?:any )?e?-?mail\b",
            r"mailbox unavailable.{0,20}\(s\d{8,}\)|history of bouncing|previously bounced",
            r"not (?:an? )?(?:local|active) (?:address|user|recipient|mailbox)|in my list|"
            r"not present|can't accept user|unknown (?:local|virtual)|bad[- ]?rcpt|valid-?rcpt|"
            r"badrecipient|missing home directory|wrong or no longer valid|account here",
            r"no existe|usuario desconocido|usu[aá]rio (?:desconhecido|inexistente)|n[aã]o existe|"
            r"utente sconosciuto|inesistente|nie istnieje|nieznany|не (?:найден|существует)|"
            r"宛先不明|存在しません|existiert nicht|nicht gefunden|n'existe pas|onbekend",
        ),
    ),
    # This one mail.
    (
        _C,
        (
            r"message.{0,30}(?:too (?:large|big)|size)|message (?:is )?too long|"
            r"size.{0,20}(?:exceed|limit)|(?:exceed|maximum).{0,30}\bsize|databytes|too large|"
            r"line too long|lines? longer",
            r"8-?bit|smtputf8|non-?ascii|\bbare [cln]|encoding|malformed|missing .{0,20}header|"
            r"invalid header|duplicate|multiple .{0,20}(?:address|header|from)|rfc ?-?5322|"
            r"rfc ?-?2822|not (?:rfc|compliant)|attachment|message-id",
        ),
    ),
    # A server's own trouble.
    (
        _S,
        (
            r"time[d-]? ?out|connect(?:ion)? .{0,20}(?:refused|lost|reset|dropped|closed|fail)|"
            r"lost connection|no route|unreachable|unable to (?:connect|contact)|network",
            r"lookup (?:failure|fail|error)|dns (?:error|fail)|name (?:server|service)",
            r"configuration|system (?:storage|resources)|internal|local error|queue|overload|"
            r"resources?|disk|database|ldap|maintenance|shutting down|server error",
            r"syntax|not (?:implemented|recognized)|unrecognized command|sequence of commands|"
            r"improper|bad command|unimplemented",
            r"service (?:is )?(?:currently |temporarily )?(?:not available|unavailable|refuse)",
        ),
    ),
)
# Nothing but a no of principle; asked after the enhanced code.
_NO: Final = re.compile(
    r"\bpolicy\b|prohibit|administrative|security|forbidden|not (?:permitted|authori[sz]ed)|"
    r"(?:message|mail|e-?mail|content|connection) (?:\w+ ){0,3}(?:reject|refus|denied|"
    r"not accepted|discarded)|mail reje(?:t|c)|access denied"
)
# Microsoft's directory has nobody of this name. The words alone are Postfix's for any rule.
_NOT_IN_DIRECTORY: Final = re.compile(
    r"\b5\.4\.1\b.{0,300}recipient address rejected: access denied"
)

# --- codes ------------------------------------------------------------------------------------

# Subject and detail of enhanced codes; "" stands for any detail that has no line of its own.
_CODES: Final[dict[int, dict[int | str, Cause | None]]] = {
    0: {},
    1: {"": _M, 1: _A, 2: _A, 3: _A, 6: _A, 7: _P, 8: _P, 9: _S, 10: _A},
    2: {"": _M, 3: _C, 16: _M},
    3: {"": _S, 4: _C},
    4: {"": _S, 310: _A},  # Microsoft: the recipient's domain does not exist
    5: {"": _S, 0: None},  # used by Microsoft and Orange for anything
    6: {"": _C},
    # RFC 3463 and 5248 for passwords and encryption; RFC 7293 for owners that changed;
    # Microsoft for restricted recipients (120 to 136).
    7: {
        "": _P,
        **dict.fromkeys((3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 30, 54, 57, 64, 139), _S),
        **dict.fromkeys((2, 13, 15, 17, 18, 19, *range(120, 137)), _M),
        16: _C,
    },
}
# Basic codes that say something by themselves, whatever the stage (RFC 5321, 7504, 4954).
_BASIC: Final[dict[int, Cause]] = {
    **dict.fromkeys((432, 454, 500, 501, 502, 503, 504, 530, 534, 535, 538, 555), _S),
    556: _A,  # RFC 7504: the domain takes no mail at all
    541: _P,
    571: _P,
}
# What is left, by stage: for "later", and for a final no.
_BARE: Final[dict[Stage, tuple[Cause, Cause]]] = {
    Stage.CONNECT: (_S, _S),
    Stage.MAIL: (_S, _S),
    Stage.RCPT: (_M, _M),
    Stage.DATA: (_S, _P),
    Stage.BODY: (_S, _P),
    Stage.BOUNCE: (_M, _M),
}
# Before RCPT TO nobody was named, so nothing can be the recipient's fault.
_UNNAMED: Final = frozenset((Stage.CONNECT, Stage.MAIL))

_RULES: Final = tuple((cause, re.compile("|".join(lines))) for cause, lines in _WORDS)
_ADDRESS: Final = re.compile(r"<?[^\s<>()\[\]:;,'\"]+@[^\s<>()\[\]:;,'\"]+>?")
_ENHANCED: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_CODE: Final = re.compile(r"(?<![\d.#])([245]\d\d)(?=[ -]|$)")
# Codes, which stand in front of every line; and what Cisco's servers say of any refusal to RCPT.
_NOISE: Final = re.compile(
    r"(?<![\d.])(?:[245]\d\d[- ]?)?#?[245]\.\d{1,3}\.\d{1,3}(?!\.?\d):?"
    r"|(?<![\d.#])[245]\d\d(?=[- ])-?|unknown address error"
)
_IS_GONE: Final = re.compile(_GONE)


def classify(code: int, text: str, stage: Stage) -> Refusal:
    """Say what a refusal means.

    `code` is the reply's code, and `text` its lines in one, without that code. For a bounce mail
    `text` is its Diagnostic-Code (or Status and what else it says), and `code` may be 0. Elsewhere
    0 means that we say it ourselves, with an enhanced code or about the content. Never raises.
    """
    text = text[:LONGEST].lower()
    enhanced = _enhanced(text)
    if not code and stage is not Stage.BOUNCE:
        return Refusal(_by_enhanced(enhanced) or _C, is_final=True)
    if not code and (found := _CODE.search(text)):
        code = int(found[1])
    is_final = code >= 500 if code else enhanced[:1] != "4"
    words = " ".join(_NOISE.sub(" ", _ADDRESS.sub(" ", text)).split())
    cause = _by_words(text, words) or _by_codes(code, enhanced, words) or _BARE[stage][is_final]
    if cause is _A and not (is_final and _agrees(enhanced, words)):
        cause = _M
    if stage in _UNNAMED and cause in (_A, _M):
        cause = _S
    return Refusal(cause, is_final)


def _enhanced(text: str) -> str:
    """Return the enhanced code that says most; one that ends in 0 says nearly nothing."""
    codes = [match[0] for match in _ENHANCED.finditer(text)]
    return next((code for code in codes if not code.endswith(".0")), codes[0] if codes else "")


def _agrees(enhanced: str, words: str) -> bool:
    """Whether the enhanced code leaves room for an address that does not exist.

    A code that says "later", or that the mailbox exists (X.2.x: some servers put a reader's own
    filter into the words "user unknown"), makes the evidence too weak for something so grave.
    """
    if enhanced.startswith("4."):
        return False
    return not enhanced.startswith("5.2.") or bool(_IS_GONE.search(words))


def _by_words(text: str, words: str) -> Cause | None:
    return _A if _NOT_IN_DIRECTORY.search(text) else _by_rules(words)


@lru_cache(maxsize=4_096)  # a server that refuses says the same to many
def _by_rules(words: str) -> Cause | None:
    return next((cause for cause, rule in _RULES if rule.search(words)), None)


def _by_codes(code: int, enhanced: str, words: str) -> Cause | None:
    return _by_enhanced(enhanced) or (_P if _NO.search(words) else _BASIC.get(code))


def _by_enhanced(enhanced: str) -> Cause | None:
    if not enhanced:
        return None
    subject, detail = map(int, enhanced.split(".")[1:])
    details = _CODES.get(subject, {})
    return details.get(detail, details.get(""))
