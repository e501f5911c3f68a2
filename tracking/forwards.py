"""Forwards: which friend may be sent a reader's mail, how often, and what came of it.

Promises. A friend gets one copy of a campaign's mail, whoever asks, and one forward a week. Who
asked for more than the limits is refused before anything is stored, and what is said to them is the
same whoever the friends are. Copies leave by way of tracking/forward_queue.py.

All limits are counted in PostgreSQL, one form after the other, so they hold for any number of
processes, and without Redis.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.timezone import now

from subscribers import passing_on, recording, signing, suppression
from subscribers.addresses import Address
from subscribers.models import Subscriber, TrackingChoice
from tracking.forward_queue import FORGOTTEN, refused
from tracking.models import Forward, ForwardRefusal

Kind, State = Forward.Kind, Forward.State

AT_ONCE = 5  # friends in one form
DAY = timedelta(days=1)  # in which a person, and a network, have so many
MINUTE = timedelta(minutes=1)  # in which everybody together has so many
WEEK = timedelta(days=7)  # between two forwards to one friend

# By the hash of the address, which people have no index of: so copies are told of a choice when it
# is made, and not asked for it at each hit. In the order of ids, against deadlocks.
_FOLLOW = """
WITH theirs AS (
    SELECT copy.id, friend.tracking
    FROM subscribers_subscriber friend JOIN tracking_forward copy USING (email_hash)
    WHERE friend.id = ANY(%s) AND copy.kind = 1
      AND (friend.tracking = 'off' AND copy.tracking <> 'off'
           OR friend.tracking = 'aggregate' AND copy.tracking IN ('', 'individual'))
    ORDER BY copy.id
    FOR UPDATE OF copy
)
UPDATE tracking_forward copy SET tracking = theirs.tracking FROM theirs WHERE copy.id = theirs.id
"""

_TURN = 0x666F7277  # names the lock under which forms are counted, one after the other


class Limit(Enum):
    """Whose share is used up."""

    PERSON = "person"
    NETWORK = "network"
    EVERYBODY = "everybody"


class TooMany(Exception):
    """No more forwards at the moment. Nothing was stored."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.value)
        self.limit = limit


class Gone(Exception):
    """The reader whose copy it was is not known any more."""


class NotAllowed(Exception):
    """A list of the campaign does not let its mail be forwarded. Nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a reader asks for in one form."""

    campaign_id: int
    subscriber_id: int
    friends: Sequence[Address]  # at most AT_ONCE
    sender_name: str = ""
    note: str = ""
    network: str = ""  # cut, as tracking.facts.network does; empty: not known
    # Keys of friends who are not to be written to, for reasons of the layer above.
    skipped: Collection[str] = field(default_factory=frozenset)


def ask(wish: Wish) -> None:
    """Have each friend sent a copy, except those who are not to get one.

    Raises TooMany, Gone, NotAllowed.

    Who is skipped counts against the limits like everybody else: otherwise they would tell who
    is on the suppression list.
    """
    _check_allowed(wish.campaign_id)
    friends = {suppression.email_hash(friend.key): friend for friend in wish.friends[:AT_ONCE]}
    with transaction.atomic():
        owner = _lock(wish.subscriber_id)
        _take_turn()
        _check_limits(wish, len(friends))
        _make_common(wish.campaign_id)
        closed = _closed(wish.campaign_id, friends)
        Forward.objects.bulk_create(
            [
                _copy(wish, digest, friend, owner, skip=digest in closed)
                for digest, friend in friends.items()
            ]
        )


def share(campaign_id: int, subscriber_id: int) -> Forward:
    """Return the shared page that a reader made of a mail, the same each time.

    Raises Gone, NotAllowed.
    """
    _check_allowed(campaign_id)
    with transaction.atomic():
        owner = _lock(subscriber_id)
        _make_common(campaign_id)
        page, _ = Forward.objects.get_or_create(
            campaign_id=campaign_id,
            subscriber_id=subscriber_id,
            kind=Kind.SHARE,
            defaults={"state": State.MADE, "tracking": owner.tracking},
        )
    return page


def refuse(forward_id: int) -> bool:
    """Send the friend of this copy no forwards any more. False when the copy is not known."""
    digest = (
        Forward.objects.filter(pk=forward_id, kind=Kind.FRIEND)
        .values_list("email_hash", flat=True)
        .first()
    )
    if digest is None:
        return False
    ForwardRefusal.objects.get_or_create(
        email_hash=bytes(digest), defaults={"key_id": suppression.key_id()}
    )
    return True


def child(forward: Forward, friend: str = "") -> int:
    """Return the id under which a copy's opens and clicks are counted; 0: they are not.

    `friend` is the TrackingChoice of the friend, if they are known. The least of what owner and
    friend allow decides: with `aggregate` all copies of a campaign have one id, so that none can be
    told from the others.
    """
    owner = (
        Subscriber.objects.filter(pk=forward.subscriber_id)
        .values_list("tracking", flat=True)
        .first()
    )
    said = [forward.tracking, friend, *([owner] if owner is not None else [])]
    choice = least(said, recording.of_campaign(forward.campaign_id))
    if choice == TrackingChoice.OFF:
        return 0
    if choice == TrackingChoice.INDIVIDUAL:
        return forward.pk
    common = Forward.objects.filter(campaign_id=forward.campaign_id, kind=Kind.COMMON)
    return common.values_list("id", flat=True).first() or 0


def follow_choices(subscriber_ids: Collection[int]) -> None:
    """Let copies that these people got allow no more than they do themselves by now.

    A later wish to be recorded brings nothing back: a copy keeps the least that was ever said.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, [list(subscriber_ids)])


def least(said: Iterable[str], usual: TrackingChoice) -> TrackingChoice:
    """Return the least that people allow; `usual` stands for who has chosen nothing ("")."""
    return TrackingChoice.strictest(each or usual for each in said)


def tidy() -> None:
    """Forget what limits don't need any more.

    Who forwarded stays known only of readers who let us record what they do.
    """
    old = Forward.objects.filter(asked_at__lt=now() - DAY)
    old.filter(network__isnull=False).update(network=None)
    named = old.filter(state__in=_OVER).exclude(subscriber_id=0)
    named.exclude(tracking__in=["", TrackingChoice.INDIVIDUAL]).update(subscriber_id=0)
    undecided = named.filter(tracking="").values_list("campaign_id", flat=True).distinct()
    for campaign_id, usual in recording.of_campaigns(undecided).items():
        if usual != TrackingChoice.INDIVIDUAL:
            named.filter(tracking="", campaign_id=campaign_id).update(subscriber_id=0)


def erase_subscriber(subscriber_id: int) -> None:
    """Forget whose forwards these were; what has not left yet never does."""
    mine = Forward.objects.filter(subscriber_id=subscriber_id)
    mine.filter(state=State.ASKED).update(state=State.SKIPPED, **FORGOTTEN)
    # One that is on the wire at this moment has its end to come, and is not tried again.
    mine.update(subscriber_id=0, address="", sender_name="", note="", network=None)


def sign_source(campaign_id: int, child_id: int) -> str:
    """Return what a sign-up link in a copy carries (/join/<slug>?from=<token>)."""
    return signing.sign("forward-source", campaign_id, child_id)


def read_source(token: str) -> tuple[int, dict[str, int]]:
    """Return the campaign that a sign-up came of, and the evidence for the ledger (JOIN_SOURCE).

    Raises BadToken.
    """
    campaign_id, child_id = signing.read("forward-source", token, 2)
    return campaign_id, {"forward": child_id}


_OVER = [State.SENT, State.FAILED, State.SKIPPED, State.IN_DOUBT, State.MADE]


def _lock(subscriber_id: int) -> Subscriber:
    """Lock the owner, as erasing does first: nobody's name is added while it is taken out."""
    owner = Subscriber.objects.select_for_update().filter(pk=subscriber_id).first()
    if owner is None:
        raise Gone
    return owner


def _check_allowed(campaign_id: int) -> None:
    if not passing_on.is_allowed(campaign_id):
        raise NotAllowed


def _take_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])


def _check_limits(wish: Wish, wanted: int) -> None:
    asked = Forward.objects.filter(kind=Kind.FRIEND)
    today = asked.filter(asked_at__gt=now() - DAY)
    here = today.filter(network=wish.network) if wish.network else today.filter(network=None)
    for limit, found, most in (
        (
            Limit.PERSON,
            today.filter(subscriber_id=wish.subscriber_id),
            settings.FORWARD_LIMIT_PERSON,
        ),
        (Limit.NETWORK, here, settings.FORWARD_LIMIT_NETWORK),
        (Limit.EVERYBODY, asked.filter(asked_at__gt=now() - MINUTE), settings.FORWARD_LIMIT),
    ):
        if found.count() + wanted > most:
            raise TooMany(limit)


def _closed(campaign_id: int, digests: Iterable[bytes]) -> set[bytes]:
    """Return those who are not sent a copy, whatever the reason."""
    wanted = list(digests)
    counted = Forward.objects.filter(kind=Kind.FRIEND, email_hash__in=wanted).exclude(
        state=State.SKIPPED
    )
    # Whose server refused a forward once is not tried again with another one.
    recent = counted.filter(
        Q(campaign_id=campaign_id) | Q(asked_at__gt=now() - WEEK) | Q(state=State.FAILED)
    )
    return refused(wanted) | {
        bytes(digest) for digest in recent.values_list("email_hash", flat=True) if digest
    }


def _copy(wish: Wish, digest: bytes, friend: Address, owner: Subscriber, *, skip: bool) -> Forward:
    forward = Forward(
        campaign_id=wish.campaign_id,
        subscriber_id=wish.subscriber_id,
        kind=Kind.FRIEND,
        state=State.SKIPPED,
        tracking=owner.tracking,
        email_hash=digest,
        network=wish.network or None,
    )
    if not skip and friend.key not in wish.skipped:
        forward.state, forward.due_at = State.ASKED, now()
        forward.address, forward.sender_name = friend.email, wish.sender_name
        forward.note = wish.note
    return forward


def _make_common(campaign_id: int) -> None:
    """Make what copies that may not be told apart are counted for. Looking at a page makes none."""
    Forward.objects.get_or_create(
        campaign_id=campaign_id,
        kind=Kind.COMMON,
        defaults={"subscriber_id": 0, "state": State.MADE},
    )
