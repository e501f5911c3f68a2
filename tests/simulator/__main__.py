"""Prints how well hits are judged, over several seeds."""

import argparse
import sys

from tests.simulator import unseen
from tests.simulator.campaign import GROUPS, simulate
from tests.simulator.score import Score, evidence, judge_by_minutes
from tracking.classify import judge
from tracking.classify.networks import Networks, built_in

_UNSEEN = {"first": unseen.FIRST, "second": unseen.SECOND, "third": unseen.THIRD}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--size", type=int, default=3_000, help="people in each campaign")
    parser.add_argument("--whole", action="store_true", help="judge all at once, not by minutes")
    parser.add_argument("--unseen", choices=_UNSEEN, help="scanners the rules were not made for")
    options = parser.parse_args()
    networks, score = Networks(built_in()), Score()
    for seed in range(1, options.seeds + 1):
        trace = simulate(seed, options.size, _UNSEEN.get(options.unseen, GROUPS))
        hits = evidence(trace)
        score.add(trace, hits, (judge if options.whole else judge_by_minutes)(hits, networks))
    sys.stdout.write(score.table() + "\n")


main()
