"""The truth that sums are compared with: every one of them, counted from the events.

`check` is for any test, and for runs with real processes, in whatever way the events came to be.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection

Rows = dict[
    tuple[Any, ...], tuple[Any, ...]
]  # by key; rows of which nothing is more than 0 left out


def check() -> None:
    """Raise AssertionError, naming the sums, when one is not what the events say.

    Campaigns of which retention dropped events are left out: theirs can't be counted any more.
    Call when nothing is being stored.
    """
    wrong = list(differences())
    if wrong:
        raise AssertionError("\n".join(["sums differ from the events:", *wrong[:20]]))


def differences() -> Iterator[str]:
    """Yield a line for each sum that is not what the events say."""
    for name, (kept, truth) in _PAIRS.items():
        found, expected = _rows(kept), _rows(truth)
        for key in sorted(found.keys() | expected.keys(), key=str):
            if found.get(key) != expected.get(key):
                yield f"{name} {key}: kept {found.get(key)}, counted {expected.get(key)}"


def _rows(statement: str) -> Rows:
    """Return rows by key. The statement gives the key's columns, an empty one, and the numbers."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        split = [column.name for column in cursor.description].index("values")
        rows = {row[:split]: row[split + 1 :] for row in cursor.fetchall()}
    return {key: values for key, values in rows.items() if any(values)}


_WHOLE = """
    campaign_id IN (SELECT campaign_id FROM tracking_campaigntotal WHERE kept_from IS NULL)
"""
# Each hit with whether it is a person's, and its reader when they may be told from others. Those
# who have been erased (below 0) still count as people, but have no row of their own.
_HITS = f"""
WITH hits AS (
    SELECT *, forward_id = 0 AS is_own, verdict IN (1, 2, 3) AS is_person,
           nullif(subscriber_id, 0) AS person
    FROM tracking_event WHERE {_WHOLE}
)
"""
_OPEN = "FILTER (WHERE is_own AND is_person AND kind = 1)"
_CLICK = "FILTER (WHERE is_own AND is_person AND kind = 2)"
_MACHINE_OPEN = "FILTER (WHERE is_own AND NOT is_person AND kind = 1)"
_MACHINE_CLICK = "FILTER (WHERE is_own AND NOT is_person AND kind = 2)"


def _over_time(slot: str) -> str:
    return f"""
        {_HITS}, ranked AS (
            SELECT *, person IS NOT NULL AND row_number() OVER (
                PARTITION BY campaign_id, person, kind, is_own, is_person ORDER BY occurred_at
            ) = 1 AS is_first
            FROM hits
        )
        SELECT campaign_id, {slot}, NULL AS values, count(*) {_OPEN}, count(*) {_CLICK},
               count(*) FILTER (WHERE is_own AND is_person AND kind = 1 AND is_first),
               count(*) FILTER (WHERE is_own AND is_person AND kind = 2 AND is_first),
               count(*) {_MACHINE_OPEN}, count(*) {_MACHINE_CLICK}
        FROM ranked GROUP BY 1, 2
    """


_TIMED = "opens, clicks, unique_opens, unique_clicks, machine_opens, machine_clicks"
_PAIRS = {
    "campaign": (
        f"""
        SELECT campaign_id, NULL AS values, opens, clicks, unique_opens, unique_clicks,
               machine_opens, machine_clicks, unique_machine_opens, unique_machine_clicks
        FROM tracking_campaigntotal WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT campaign_id, NULL AS values, count(*) {_OPEN}, count(*) {_CLICK},
               count(DISTINCT person) {_OPEN}, count(DISTINCT person) {_CLICK},
               count(*) {_MACHINE_OPEN}, count(*) {_MACHINE_CLICK},
               count(DISTINCT person) {_MACHINE_OPEN}, count(DISTINCT person) {_MACHINE_CLICK}
        FROM hits GROUP BY 1
        """,
    ),
    "hour": (
        f"""
        SELECT campaign_id, hour, NULL AS values, {_TIMED}
        FROM tracking_campaignhour WHERE {_WHOLE}
        """,
        _over_time("date_trunc('hour', occurred_at, 'UTC')"),
    ),
    "moment": (
        f"""
        SELECT campaign_id, at, NULL AS values, {_TIMED}
        FROM tracking_campaignmoment WHERE {_WHOLE}
        """,
        _over_time("date_bin('5 minutes', occurred_at, 'epoch')"),
    ),
    "breakdown": (
        f"""
        SELECT campaign_id, dimension, value, NULL AS values, opens, clicks, machine_opens,
               machine_clicks
        FROM tracking_breakdown WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT campaign_id, dimension, part, NULL AS values, count(*) {_OPEN}, count(*) {_CLICK},
               count(*) {_MACHINE_OPEN}, count(*) {_MACHINE_CLICK}
        FROM hits CROSS JOIN LATERAL
            (VALUES (1, program / 8), (2, program % 8), (3, country::int)) parts (dimension, part)
        GROUP BY 1, 2, 3
        """,
    ),
    "verdict": (
        f"""
        SELECT campaign_id, kind, verdict, NULL AS values, hits, people, forwarded_hits
        FROM tracking_verdicttotal WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT campaign_id, kind, verdict, NULL AS values, count(*) FILTER (WHERE is_own),
               count(DISTINCT person) FILTER (WHERE is_own), count(*) FILTER (WHERE NOT is_own)
        FROM hits GROUP BY 1, 2, 3
        """,
    ),
    "link": (
        f"""
        SELECT link_id, campaign_id, NULL AS values, clicks, unique_clicks, machine_clicks,
               unique_machine_clicks
        FROM tracking_linktotal WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT link_id, campaign_id, NULL AS values, count(*) {_CLICK},
               count(DISTINCT person) {_CLICK}, count(*) {_MACHINE_CLICK},
               count(DISTINCT person) {_MACHINE_CLICK}
        FROM hits WHERE kind = 2 GROUP BY 1, 2
        """,
    ),
    "forward": (
        f"""
        SELECT forward_id, campaign_id, NULL AS values, opens, clicks, visits, machine_opens,
               machine_clicks, machine_visits, first_at, last_at
        FROM tracking_forwardtotal WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT forward_id, campaign_id, NULL AS values,
               count(*) FILTER (WHERE kind = 1 AND is_person),
               count(*) FILTER (WHERE kind = 2 AND is_person),
               count(*) FILTER (WHERE kind = 4 AND is_person),
               count(*) FILTER (WHERE kind = 1 AND NOT is_person),
               count(*) FILTER (WHERE kind = 2 AND NOT is_person),
               count(*) FILTER (WHERE kind = 4 AND NOT is_person),
               min(occurred_at) FILTER (WHERE kind IN (1, 2, 4) AND is_person),
               max(occurred_at) FILTER (WHERE kind IN (1, 2, 4) AND is_person)
        FROM hits WHERE NOT is_own GROUP BY 1, 2
        """,
    ),
    "reader": (
        f"""
        SELECT campaign_id, subscriber_id, NULL AS values, true, opens, clicks, machine_opens,
               machine_clicks, first_open_at, last_open_at, first_click_at, last_click_at, seen
        FROM tracking_reader WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT campaign_id, person, NULL AS values, true, count(*) {_OPEN}, count(*) {_CLICK},
               count(*) {_MACHINE_OPEN}, count(*) {_MACHINE_CLICK},
               min(occurred_at) {_OPEN}, max(occurred_at) {_OPEN},
               min(occurred_at) {_CLICK}, max(occurred_at) {_CLICK},
               coalesce(sum(DISTINCT 1::bigint << ((kind - 1) * 8 + verdict))
                            FILTER (WHERE is_own), 0)::bigint
        FROM hits WHERE person > 0 GROUP BY 1, 2
        """,
    ),
    "reader's link": (
        f"""
        SELECT link_id, subscriber_id, NULL AS values, readerlink.clicks, readerlink.machine_clicks
        FROM tracking_readerlink readerlink JOIN tracking_linktotal USING (link_id) WHERE {_WHOLE}
        """,
        f"""
        {_HITS}
        SELECT link_id, person, NULL AS values, count(*) {_CLICK}, count(*) {_MACHINE_CLICK}
        FROM hits WHERE kind = 2 AND person > 0 GROUP BY 1, 2
        """,
    ),
}
