"""Judges stored hits, at first sight and again when all that came around them is known.

Promise: a verdict and the sums that it counts in change together (tracking/amending.py). Each
minute of hits is judged again once it is WINDOW old, with the hits of WINDOW before and after, so
that a burst's first hit is judged like the rest. Hits that come late put their minute, and those
around it, on the list again.
"""

import logging
from collections.abc import Sequence
from functools import cache

from tracking import classify
from tracking.classify import Evidence, Judgement, Verdict, networks

logger = logging.getLogger(__name__)


def judge(hits: Sequence[Evidence]) -> list[Judgement]:
    """Judge hits by the present rules.

    A fault of the rules must not hold up the storing of hits: they are then unknown, and a recount
    judges them when it is mended.
    """
    try:
        return classify.judge(hits, _networks())
    except Exception:
        logger.exception("the rules failed on %d hits, whose verdict is unknown now", len(hits))
        return [Judgement(Verdict.UNKNOWN, "rules-failed")] * len(hits)


@cache
def _networks() -> networks.Networks:
    # Read once by each process: `manage.py` commands that change the lists say that ingest has to
    # start again.
    return networks.load()
