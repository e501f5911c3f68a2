"""Which of the evidence is believed. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from tracking.classify import crowds, visits
from tracking.classify.alone import is_loading, look_at_all
from tracking.classify.docket import Docket
from tracking.classify.networks import Networks
from tracking.classify.verdicts import OPEN, Evidence, Judgement


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
        visits.doubt_burst(docket, mail)
    for mail in docket.mails:
        visits.doubt_timing(docket, mail, hits[mail[0]].campaign in opened)
    crowds.doubt_crowd(docket)
    several = [mail for mail in docket.mails if len(mail) > 1]
    for mail in several:
        visits.doubt_company(docket, mail)
        visits.doubt_sweep(docket, mail, links[hits[mail[0]].campaign])
    crowds.doubt_reputation(docket)
    for mail in several:
        visits.doubt_company(docket, mail)
    return [docket.judgement(index) for index in range(len(hits))]


def _links(hits: Sequence[Evidence]) -> dict[int, int]:
    """Return how many links of each campaign are known."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for hit in hits:
        followed = found[hit.campaign]
        if hit.link and not is_loading(hit.kind):
            followed.add(hit.link)
    return {campaign: len(followed) for campaign, followed in found.items()}
