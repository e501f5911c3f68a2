"""How long it takes to judge a whole day of hits once more, as is done every quarter of an hour.

The reference is PostgreSQL's bare COPY of the same events. Three days of hits are held at once, of
which the middle one is judged.
"""

import time
from datetime import timedelta
from statistics import median

from django.utils.timezone import now

from benchmarks.report import Ratio
from benchmarks.tracking import stored
from benchmarks.tracking.place import own_database, own_stream
from benchmarks.tracking.sizes import Sizes
from tracking import hindsight, judging
from tracking.models import UnsettledDay

_DAYS = 3


def measure(sizes: Sizes) -> list[Ratio]:
    """Copy and judge the same hits in turn."""
    with own_database("judging_bench"), own_stream():
        stored.prepare()
        hits = stored.make(sizes.looked_at, seconds=_DAYS * 86_400.0)
        stored.store(hits)
        judging.settle()
        bare, ours = [], []
        for _ in range(sizes.rounds):
            bare.append(stored.copy("bare", hits))
            ours.append(_look_back())
            print(
                f"bare COPY {bare[-1]:6.2f} s   looking back {ours[-1]:6.2f} s, "
                f"{ours[-1] / len(hits) * 1e6:.0f} us for each of {len(hits):,} hits",
                flush=True,
            )
    return [Ratio(
        "looking back at a day, against bare COPY",
        f"{median(ours):.2f} s",
        f"{median(bare):.2f} s",
        [reference / our for reference, our in zip(bare, ours, strict=True)],
        aim=None,
    )]  # fmt: skip


def _look_back() -> float:
    day = now().date() - timedelta(days=1)
    UnsettledDay.objects.all().delete()
    UnsettledDay.objects.create(day=day, due_at=now())
    begin = time.perf_counter()
    hindsight.look_back()
    return time.perf_counter() - begin
