"""What a campaign's opens and clicks came by: mail programs, kinds of devices, countries.

Promise: like all sums, these are at any moment what counting the events would give. Each event
keeps the number of its program and of its country, given when it was stored, so that its sums can
be moved when it is judged again, counted anew at any time, and stay when a person is erased.

The statements here are part of the transactions of tracking/rollups.py, tracking/amending.py and
tracking/rebuilding.py, each of which holds the totals of its campaigns locked.
"""

from tracking.models import Dimension
from tracking.programs import DEVICE_BITS

# To be formatted with `source`, which has the numbers by campaign_id, program and country: these
# are few by then, whatever the number of hits.
_BY_DIMENSION = f"""
WITH grouped AS MATERIALIZED ({{source}}), parts AS (
    SELECT campaign_id, {Dimension.CLIENT:d} AS dimension, program >> {DEVICE_BITS} AS value,
           opens, clicks, machine_opens, machine_clicks FROM grouped
    UNION ALL
    SELECT campaign_id, {Dimension.DEVICE:d}, program & {(1 << DEVICE_BITS) - 1},
           opens, clicks, machine_opens, machine_clicks FROM grouped
    UNION ALL
    SELECT campaign_id, {Dimension.COUNTRY:d}, country,
           opens, clicks, machine_opens, machine_clicks FROM grouped
)
INSERT INTO tracking_breakdown AS known
    (campaign_id, dimension, value, opens, clicks, machine_opens, machine_clicks)
SELECT campaign_id, dimension, value, sum(opens), sum(clicks), sum(machine_opens),
       sum(machine_clicks)
FROM parts GROUP BY 1, 2, 3
ON CONFLICT (campaign_id, dimension, value) DO UPDATE SET
    opens = known.opens + EXCLUDED.opens,
    clicks = known.clicks + EXCLUDED.clicks,
    machine_opens = known.machine_opens + EXCLUDED.machine_opens,
    machine_clicks = known.machine_clicks + EXCLUDED.machine_clicks
"""  # noqa: S608 (all parts are constants)

_COUNTS = """
SELECT campaign_id, program, country, count(*) FILTER (WHERE class = 1) AS opens,
       count(*) FILTER (WHERE class = 2) AS clicks,
       count(*) FILTER (WHERE class = 3) AS machine_opens,
       count(*) FILTER (WHERE class = 4) AS machine_clicks
"""


def adding(hits: str) -> str:
    """Return the statement that adds hits to the sums.

    `hits` is a table, or a query in parentheses, with campaign_id, program, country and class
    (tracking/sums.py) of each.
    """
    source = f"{_COUNTS} FROM {hits} hits WHERE class > 0 GROUP BY 1, 2, 3"
    return _BY_DIMENSION.format(source=source)


# Moves sums with the verdicts of the hits in tracking_amended: what people gain, machines lose.
MOVE = _BY_DIMENSION.format(
    source="""
    SELECT campaign_id, program, country, gain_opens AS opens, gain_clicks AS clicks,
           -gain_opens AS machine_opens, -gain_clicks AS machine_clicks
    FROM (
        SELECT campaign_id, program, country,
               coalesce(sum(gain) FILTER (WHERE kind = 1), 0) AS gain_opens,
               coalesce(sum(gain) FILTER (WHERE kind = 2), 0) AS gain_clicks
        FROM tracking_amended
        WHERE forward_id = 0 AND kind IN (1, 2) AND gain <> 0 GROUP BY 1, 2, 3
    ) gains
"""
)
