"""The way of a forwarded copy to the mail server: a row is the job, and leaves at most once.

Promise: `begin` is written down before the first byte leaves, and what has no outcome after LEASE
is in doubt and never tried again. When a copy has left, or never will, its friend's address is
gone: a keyed hash stays.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from subscribers import passing_on, suppression
from subscribers.models import Suppression
from tracking.models import Forward, ForwardRefusal

State = Forward.State

LEASE = timedelta(minutes=10)  # to hand a copy over: above all patience of a conversation
ATTEMPTS = 8  # then a copy is given up
BACKOFF = timedelta(minutes=1)  # after the first failure; doubled each time
OLDEST = timedelta(days=3)  # a copy that could not leave for so long is no news any more
# What a row holds no longer when its copy has left.
FORGOTTEN: dict[str, Any] = {"due_at": None, "address": "", "sender_name": "", "note": ""}


def refused(digests: list[bytes]) -> set[bytes]:
    """Return those who want no mail at all, or no forwards."""
    return {
        bytes(digest)
        for table in (Suppression, ForwardRefusal)
        for digest in table.objects.filter(email_hash__in=digests).values_list(
            "email_hash", flat=True
        )
    }


def check_key() -> None:
    """Raise suppression.WrongKey when who wants no mail would not be recognised."""
    suppression.check_key()
    if ForwardRefusal.objects.exclude(key_id=suppression.key_id()).exists():
        raise suppression.WrongKey(
            "Wishes for no more forwards were kept with another SUPPRESSION_KEY. Set it back to "
            "the old value."
        )


def due(limit: int) -> list[int]:
    """Return the ids of copies that may leave now, those that wait longest first."""
    waiting = Forward.objects.filter(state=State.ASKED, due_at__lte=now()).order_by("due_at", "id")
    return list(waiting.values_list("id", flat=True)[:limit])


def find(forward_id: int) -> Forward | None:
    """Return a copy that waits; None when it was sent, or may not be sent any more."""
    forward = Forward.objects.filter(pk=forward_id, state=State.ASKED).first()
    if forward is None:
        return None
    digest = bytes(forward.email_hash or b"")
    is_allowed = passing_on.is_allowed(forward.campaign_id)
    if not is_allowed or refused([digest]) or forward.asked_at < now() - OLDEST:
        _end(forward_id, State.ASKED, State.SKIPPED)
        return None
    return forward


def begin(forward_id: int) -> bool:
    """Say that a copy is about to be handed over. False: somebody else has it, or it is gone."""
    waiting = Forward.objects.filter(pk=forward_id, state=State.ASKED)
    return bool(waiting.update(state=State.SENDING, due_at=now() + LEASE))


def end(forward_id: int, state: Forward.State) -> None:
    """Write down what became of a copy that `begin` took, and forget its friend."""
    _end(forward_id, State.SENDING, state)


def give_up(forward_id: int) -> None:
    """Write down that a copy can't be made, and forget its friend."""
    _end(forward_id, State.ASKED, State.FAILED)


def put_back(forward_id: int, *, is_attempt: bool = True) -> None:
    """Let a copy that `begin` took, and that surely did not leave, be tried again later."""
    with transaction.atomic():
        forward = (
            Forward.objects.select_for_update().filter(pk=forward_id, state=State.SENDING).first()
        )
        if forward is None:
            return
        if not forward.address:  # its owner was erased meanwhile
            _end(forward_id, State.SENDING, State.SKIPPED)
            return
        forward.attempts += is_attempt
        if forward.attempts >= ATTEMPTS:
            _end(forward_id, State.SENDING, State.FAILED)
            return
        wait = BACKOFF * 2 ** (forward.attempts - 1) if is_attempt else timedelta()
        forward.state, forward.due_at = State.ASKED, now() + wait
        forward.save(update_fields=["state", "due_at", "attempts"])


def settle_abandoned() -> None:
    """Say of copies whose sender died while handing them over that nobody knows."""
    Forward.objects.filter(state=State.SENDING, due_at__lt=now()).update(
        state=State.IN_DOUBT, **FORGOTTEN
    )


def _end(forward_id: int, before: Forward.State, after: Forward.State) -> None:
    Forward.objects.filter(pk=forward_id, state=before).update(state=after, **FORGOTTEN)
