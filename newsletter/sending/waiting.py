"""A campaign that runs but can't send: why it waits, said on its page, and when to try again."""

from newsletter.sending.database import Connection

_WAIT = """
    UPDATE newsletter_campaign
    SET waiting_reason = left(%(reason)s, 300),
        -- What a person asked for is no trouble, of which alerts would tell after a while.
        waiting_since = CASE WHEN NOT %(usual)s THEN coalesce(waiting_since, now()) END,
        -- Half as long again as it has waited already, between five seconds and five minutes.
        retry_at = now() + interval '1 second' * coalesce(
            %(seconds)s::float8,
            (0.8 + 0.4 * random()) * least(300, greatest(
                5, extract(epoch FROM now() - coalesce(waiting_since, now())) / 2
            ))
        )
    WHERE id = %(campaign)s AND status = 'running'
"""
_GO_ON = """
    UPDATE newsletter_campaign
    SET waiting_reason = '', waiting_since = NULL, retry_at = NULL
    WHERE id = %(campaign)s AND waiting_reason <> ''
"""


async def begin(
    db: Connection,
    campaign_id: int,
    reason: str,
    seconds: float | None = None,
    is_usual: bool = False,
) -> None:
    """Say why the campaign waits, and when it is tried again: by itself, or after `seconds`.

    `is_usual`: it waits because somebody wanted it so.
    """
    names = {"campaign": campaign_id, "reason": reason, "seconds": seconds, "usual": is_usual}
    await db.execute(_WAIT, names)


async def end(db: Connection, campaign_id: int) -> None:
    """Say that mail goes out again."""
    await db.execute(_GO_ON, {"campaign": campaign_id})
