"""How fast hits are stored: one process takes packs as the edge makes them out of Redis.

It stores events, sums and readers. The reference is PostgreSQL's bare COPY of the same events into
a table with the indexes of tracking_event; beside it, into one without any.
"""

from statistics import median

from benchmarks.report import Ratio
from benchmarks.tracking import stored
from benchmarks.tracking.place import own_database, own_stream
from benchmarks.tracking.sizes import Sizes


def measure(sizes: Sizes) -> list[Ratio]:
    """Copy and store the same hits in turn. Raises Incomplete when not all of them are stored."""
    with own_database("ingest_bench"), own_stream():
        stored.prepare()
        hits = stored.make(sizes.events)
        bare, ours = [], []
        for _ in range(sizes.rounds):
            plain = stored.copy("bare_plain", hits)
            bare.append(stored.copy("bare", hits))
            ours.append(stored.store(hits))
            print(
                f"bare COPY {len(hits) / bare[-1]:9,.0f} events/s (without indexes "
                f"{len(hits) / plain:9,.0f})   ingest {len(hits) / ours[-1]:9,.0f} events/s   "
                f"ratio {bare[-1] / ours[-1]:.3f} ({plain / ours[-1]:.3f})",
                flush=True,
            )
    return [Ratio(
        "ingest with sums, against bare COPY",
        f"{len(hits) / median(ours):,.0f} events/s",
        f"{len(hits) / median(bare):,.0f} events/s",
        [reference / our for reference, our in zip(bare, ours, strict=True)],
        aim=0.3,
    )]  # fmt: skip
