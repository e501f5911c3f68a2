"""Which of the evidence is believed. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from tracking.classify import company, crowds, parties, sweeps, visits
from tracking.classify.alone import is_loading, look_at_all
from tracking.classify.docket import Docket
from tracking.classify.networks import Networks
from tracking.classify.verdicts import OPEN, Evidence, Judgement

_ENOUGH = 3  # people whose clicks show how many links a mail has
_MORE_THAN_ANY = 1_000_000  # links: how many is not known


def judge(hits: Sequence[Evidence], networks: Networks) -> list[Judgement]:
    """Judge hits by all that they tell of themselves and of each other, in the order given.

    No rule looks further than WINDOW seconds from a hit; but what is thought of its neighbours
    depends on theirs, so hits of twice that time around are worth giving.
    """
    order = sorted(range(len(hits)), key=lambda index: hits[index].at)
    judgements = _judge_in_order([hits[index] for index in order], networks)
    answer = judgements.copy()
    for place, index in enumerate(order):
        answer[index] = judgements[place]
    return answer


def _judge_in_order(hits: Sequence[Evidence], networks: Networks) -> list[Judgement]:
    docket = Docket(hits, look_at_all(hits, networks))
    links = _links(hits)
    opened = {hit.campaign for hit in hits if hit.kind == OPEN}
    for mail in docket.mails:
        campaign = hits[mail[0]].campaign
        visits.doubt_timing(docket, mail, campaign in opened)
        visits.doubt_burst(docket, mail, links.get(campaign, 0))
        sweeps.doubt_parties(docket, mail)
    crowd = crowds.gather(docket)
    if opened:
        crowds.doubt_rounds(docket, crowd)
    crowds.doubt_early_birds(docket, crowd)
    parties.doubt_parties(docket, bool(opened), links)
    several = [mail for mail in docket.mails if len(mail) > 1]
    for mail in several:
        company.doubt_company(docket, mail)
        sweeps.doubt_sweep(docket, mail, links.get(hits[mail[0]].campaign, 0))
    crowds.doubt_reputation(docket, crowd)
    for mail in several:
        company.doubt_company(docket, mail)
    return [docket.judgement(index) for index in range(len(hits))]


def _links(hits: Sequence[Evidence]) -> dict[int, int]:
    """Return how many links each campaign has, as far as enough people's clicks show it."""
    followed: defaultdict[int, set[int]] = defaultdict(set)
    people: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for hit in hits:
        if hit.link and not is_loading(hit.kind):
            followed[hit.campaign].add(hit.link)
            people[hit.campaign].add((hit.subscriber, hit.forward))
    return {
        campaign: len(links) if len(people[campaign]) >= _ENOUGH else _MORE_THAN_ANY
        for campaign, links in followed.items()
    }
