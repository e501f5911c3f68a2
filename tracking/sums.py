"""What sums mean, in SQL: the pieces that storing hits, judging them again and counting anew share.

In what follows kind 1 is an open, 2 a click and 4 a visit of a shared page (tracking.models.Kind).
A hit's class says what it counts as: 1 an open and 2 a click by a person, 3 and 4 the same by a
machine, 0 none of these.
"""

from tracking.classify import PEOPLE, Verdict


def bits_of(kind: int, *, people: bool) -> int:
    """Return the bits that hits of a kind by people, or by machines, set in Reader.seen."""
    return sum(
        1 << ((kind - 1) * 8 + verdict) for verdict in Verdict if (verdict in PEOPLE) == people
    )


def is_person(verdict: str) -> str:
    """Return the SQL for whether a verdict (a column's name) is a person's."""
    return f"{verdict} IN ({', '.join(str(int(each)) for each in sorted(PEOPLE))})"


CLASS = (
    "CASE WHEN forward_id <> 0 OR kind > 2 THEN 0 "
    f"WHEN {is_person('verdict')} THEN kind ELSE kind + 2 END"
)
BIT = "1::bigint << ((kind - 1) * 8 + verdict)"  # in Reader.seen
MACHINE_OPENS = bits_of(1, people=False)
MACHINE_CLICKS = bits_of(2, people=False)

# To be formatted with `bits`, a number: a row with kind and verdict for each bit that is set.
EXPAND_BITS = """
SELECT bit / 8 + 1 AS kind, bit % 8 AS verdict
FROM generate_series(1, 39) bit WHERE ({bits} >> bit) & 1 = 1
"""

# Of hits with a forward: a person's open, click or visit; and counts of these and of machines'.
FOLLOWED = f"kind IN (1, 2, 4) AND {is_person('verdict')}"
FORWARD_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE kind = {kind} AND {whose})"
    for whose in (is_person("verdict"), f"NOT {is_person('verdict')}")
    for kind in (1, 2, 4)
)

# Parts of a statement that has `slots`: campaign_id, slot (five minutes since 1970), and what is to
# be added to the sums of that time, which may be below zero.
_ADD_TIMES = """
    INSERT INTO {table} AS known
        (campaign_id, {column}, opens, clicks, unique_opens, unique_clicks,
         machine_opens, machine_clicks)
    SELECT campaign_id, to_timestamp({seconds}), sum(opens), sum(clicks), sum(unique_opens),
           sum(unique_clicks), sum(machine_opens), sum(machine_clicks)
    FROM slots GROUP BY 1, 2
    ON CONFLICT (campaign_id, {column}) DO UPDATE SET
        opens = known.opens + EXCLUDED.opens,
        clicks = known.clicks + EXCLUDED.clicks,
        unique_opens = known.unique_opens + EXCLUDED.unique_opens,
        unique_clicks = known.unique_clicks + EXCLUDED.unique_clicks,
        machine_opens = known.machine_opens + EXCLUDED.machine_opens,
        machine_clicks = known.machine_clicks + EXCLUDED.machine_clicks
"""
_HOURS = _ADD_TIMES.format(table="tracking_campaignhour", column="hour", seconds="slot / 12 * 3600")
_MOMENTS = _ADD_TIMES.format(table="tracking_campaignmoment", column="at", seconds="slot * 300")
ADD_SERIES = f"added_hours AS ({_HOURS}), added_moments AS ({_MOMENTS})"

# The same for `verdicts`: campaign_id, kind, verdict, hits, people, forwarded_hits.
ADD_VERDICTS = """added_verdicts AS (
    INSERT INTO tracking_verdicttotal AS known
        (campaign_id, kind, verdict, hits, people, forwarded_hits)
    SELECT campaign_id, kind, verdict, sum(hits), sum(people), sum(forwarded_hits)
    FROM verdicts GROUP BY 1, 2, 3
    ON CONFLICT (campaign_id, kind, verdict) DO UPDATE SET
        hits = known.hits + EXCLUDED.hits,
        people = known.people + EXCLUDED.people,
        forwarded_hits = known.forwarded_hits + EXCLUDED.forwarded_hits
)"""
