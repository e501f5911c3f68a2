"""Which of the evidence is believed. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from tracking.classify import company, crowds, parties, sweeps, visits
from tracking.classify.alone import look_at_all
from tracking.classify.docket import Docket
from tracking.classify.networks import Networks
from tracking.classify.pulse import Pulse, beating, silent
from tracking.classify.verdicts import Evidence, Judgement

_ENOUGH = 3  # people whose clicks show how many links a mail has
_MORE_THAN_ANY = 1_000_000  # links: how many is not known
_NOBODY = -1  # no mail has this number
_USUAL = 0.4  # of those who follow a link, who have loaded the picture: all others are odd
_SELDOM = 0.3  # of what it says then
_AT_ONCE = 60.0  # seconds since the hand-over
_PEOPLE, _EAGER = 50, 0.06  # people who click late, and how many others may click at once
_PRIOR = 5.0  # people of whom that is taken for granted


def judge(hits: Sequence[Evidence], networks: Networks, pulse: Pulse = silent) -> list[Judgement]:
    """Judge hits by all that they tell of themselves and of each other, in the order given.

    The more hits around each are given, the more is known: five minutes show a gateway's burst, a
    day a machine that goes through stored mail.

    A hundred thousand hits may take ten seconds. `pulse` is called about once in each of them,
    and may raise what ends the work.
    """
    if not hits:
        return []
    order = sorted(range(len(hits)), key=[hit.at for hit in hits].__getitem__)
    judgements = _judge_in_order([hits[index] for index in order], networks, pulse)
    answer = judgements.copy()
    for place, index in enumerate(order):
        answer[index] = judgements[place]
    return answer


def _judge_in_order(hits: Sequence[Evidence], networks: Networks, pulse: Pulse) -> list[Judgement]:
    docket = Docket(hits, look_at_all(hits, networks, pulse))
    links = _links(docket)
    loading = _loading(docket)
    eager = _eager(docket)
    campaigns = [docket.campaigns[mail[0]] for mail in docket.mails]
    mails = list(zip(docket.mails, docket.clicks, campaigns, strict=True))
    for mail, clicks, campaign in beating(mails, pulse):
        visits.doubt_timing(docket, mail, loading.get(campaign, 0.0), campaign in eager)
        if len(clicks) > 1:
            visits.doubt_burst(docket, clicks, links.get(campaign, 0))
            sweeps.doubt_parties(docket, clicks)
    crowd = crowds.gather(docket)
    pulse()
    usual = max(loading.values(), default=0.0)
    if usual > _SELDOM:
        crowds.doubt_rounds(docket, crowd)
    crowds.doubt_early_birds(docket, crowd)
    parties.doubt_parties(docket, crowd, usual, links)
    several = [mail for mail in docket.mails if len(mail) > 1]
    for mail in beating(several, pulse):
        company.doubt_company(docket, mail)
    for _, clicks, campaign in beating(mails, pulse):
        if len(clicks) > 2:
            sweeps.doubt_sweep(docket, clicks, links.get(campaign, 0))
    crowds.doubt_reputation(docket, crowd)
    for mail in beating(several, pulse):
        company.doubt_company(docket, mail)
    return docket.judgements()


def _loading(docket: Docket) -> dict[int, float]:
    """Return of each campaign with opens how much it says that a mail was not opened: 0 to 1.

    It says little where few of those who follow a link late had loaded the picture.
    """
    followed: Counter[int] = Counter()
    opened: Counter[int] = Counter()
    campaigns: set[int] = set()
    for mail, clicks in zip(docket.mails, docket.clicks, strict=True):
        campaign = docket.campaigns[mail[0]]
        if len(clicks) < len(mail):
            campaigns.add(campaign)
        if clicks and docket.is_late(clicks[-1]):
            followed[campaign] += 1
            opened[campaign] += docket.is_picture[mail[0]]
    return {
        campaign: min((opened[campaign] + _PRIOR) / (followed[campaign] + _PRIOR) / _USUAL, 1.0)
        for campaign in campaigns
    }


def _eager(docket: Docket) -> set[int]:
    """Return the campaigns in which no more mail is clicked at once than by people.

    Of them some in a hundred do; a machine that does so from many places shows in the number.
    """
    first: Counter[int] = Counter()
    late: Counter[int] = Counter()
    for clicks in docket.clicks:
        if clicks:
            index = clicks[0]
            if docket.is_late(index):
                late[docket.campaigns[index]] += 1
            elif (
                docket.since[index] < _AT_ONCE
                and index in docket.lone
                and not docket.oddness[index]
            ):
                first[docket.campaigns[index]] += 1
    return {
        campaign
        for campaign, count in late.items()
        if count >= _PEOPLE and first[campaign] <= _EAGER * count
    }


def _links(docket: Docket) -> dict[int, int]:
    """Return how many links each campaign has, as far as enough people's clicks show it."""
    followed: defaultdict[int, set[int]] = defaultdict(set)
    people: defaultdict[int, set[int]] = defaultdict(set)
    for index, (campaign, link) in enumerate(zip(docket.campaigns, docket.links, strict=True)):
        if link and not docket.is_picture[index]:
            followed[campaign].add(link)
            people[campaign].add(docket.mail[index] if docket.is_named[index] else _NOBODY)
    return {
        campaign: len(links) if len(people[campaign]) >= _ENOUGH else _MORE_THAN_ANY
        for campaign, links in followed.items()
    }
