"""Prints how well hits are judged, over several seeds."""

import argparse
import sys

from tests.simulator import blind, fourth, halves, plain, stored, unseen
from tests.simulator.campaign import GROUPS, Group, simulate
from tests.simulator.drawn import drawn
from tests.simulator.score import Score, evidence, judge_by_days, judge_by_minutes
from tracking.classify import judge
from tracking.classify.networks import Networks, built_in

_Groups = dict[Group, tuple[int, int, int]]
_UNSEEN: dict[str, _Groups] = {
    "first": unseen.FIRST,
    "second": unseen.SECOND,
    "third": unseen.THIRD,
    "fourth": fourth.FOURTH,
    "tuning": halves.TUNING,
    "held-out": halves.HELD_OUT,
    "blind": blind.BLIND,
    "stored": stored.STORED,
}
_WAYS = {"minutes": judge_by_minutes, "days": judge_by_days, "whole": judge}
_DRAWN = 1_000  # the first seeds were tuned with


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--size", type=int, default=3_000, help="people in each campaign")
    parser.add_argument(
        "--by", choices=_WAYS, default="minutes", help="how much is judged at once (minutes)"
    )
    parser.add_argument(
        "--unseen",
        choices=[*_UNSEEN, "drawn", "plain"],
        help="behaviours the rules were not made for",
    )
    options = parser.parse_args()
    networks, score = Networks(built_in()), Score()
    for seed in range(1, options.seeds + 1):
        groups = _UNSEEN.get(options.unseen, GROUPS)
        if options.unseen == "drawn":
            groups = drawn(_DRAWN + seed)
        is_plain = options.unseen == "plain"
        trace = plain.simulate(seed) if is_plain else simulate(seed, options.size, groups)
        hits = evidence(trace)
        score.add(trace, hits, _WAYS[options.by](hits, networks))
    sys.stdout.write(score.table() + "\n")


main()
