"""A demonstration on the private servers of `make run`, and nowhere else.

Its newest issue is real: it goes through the workers to the mail catcher, and a small audience
takes its mail from there and asks the edge for pictures and links, as mail programs and people do,
over a quarter of an hour (live.py). So that charts have something to show at once, the issues of
the weeks before were never sent. Their outcomes are written as a worker writes them, and their hits
are made up by the same rules and given to ingest, with times of their own (past.py). What reports
show is counted from hits by the product itself, all of it.
"""

from newsletter.demo.making import (
    PEOPLE,
    SUBJECT,
    NotADemo,
    marker,
    newest,
    remove,
    seed,
    wait_until_sent,
)
from newsletter.demo.people import DOMAIN

__all__ = [
    "DOMAIN",
    "PEOPLE",
    "SUBJECT",
    "NotADemo",
    "marker",
    "newest",
    "remove",
    "seed",
    "wait_until_sent",
]
