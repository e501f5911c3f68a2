"""A simulator of who opens and clicks, with known truth: the measure of tracking/classify.

    python -m tests.simulator            print how well hits are judged, over several seeds

Everything comes from a seed. Behaviours are made by what is known of readers and scanners
(docs/verdicts.md), not by what the rules look at.
"""
