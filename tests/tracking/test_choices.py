"""Who may be named and counted when a hit arrives, by what people and lists say by then."""

import re

import pytest

from newsletter import composing
from newsletter.composing import Person
from newsletter.sending import content
from subscribers import consent
from subscribers.consent import Origin
from subscribers.models import ConsentRecord, TrackingChoice
from tests.composing.making import parts
from tests.factories import make_campaign, make_list, make_subscriber
from tests.tracking import exact
from tests.tracking.makers import append, opened
from tracking import ingest
from tracking.models import CampaignTotal, Event, Forward

pytestmark = pytest.mark.usefixtures("stored")

OFF, AGGREGATE, INDIVIDUAL = [choice.value for choice in TrackingChoice]


def names() -> list[int]:
    """Take in all that waits; return whom events name."""
    while ingest.ingest_batch("a"):
        pass
    return list(Event.objects.order_by("id").values_list("subscriber_id", flat=True))


class TestLists:
    """People who have chosen nothing, on lists that have."""

    @pytest.mark.parametrize(
        ("installation", "lists", "outcome"),
        [
            (OFF, [INDIVIDUAL], "named"),
            (INDIVIDUAL, [AGGREGATE], "nameless"),
            (INDIVIDUAL, [INDIVIDUAL, OFF], "nothing"),
            (AGGREGATE, ["", INDIVIDUAL], "nameless"),
        ],
    )
    def test_the_strictest_list_of_the_campaign_counts(
        self, settings, installation, lists, outcome
    ):
        settings.TRACKING_DEFAULT = installation
        campaign = make_campaign(lists=[make_list(tracking=each) for each in lists])
        alice = make_subscriber().pk
        append(opened(alice, campaign.pk))

        expected = {"named": [alice], "nameless": [0], "nothing": []}[outcome]
        assert names() == expected
        exact.check()

    def test_each_campaign_in_a_batch_follows_its_own_lists(self, settings):
        settings.TRACKING_DEFAULT = AGGREGATE
        strict, free = (
            make_campaign(lists=[make_list(tracking=choice)]) for choice in (OFF, INDIVIDUAL)
        )
        alice, bob = make_subscriber().pk, make_subscriber(tracking=INDIVIDUAL).pk
        hits = [
            opened(who, campaign)
            for campaign in (strict.pk, free.pk, 999_999)
            for who in (alice, bob)
        ]

        append(*hits)

        assert names() == [bob, alice, bob, 0, bob]
        exact.check()


class TestWithdrawal:
    """Mail that was made when its reader might be named, and is opened when they may not."""

    @pytest.fixture(autouse=True)
    def _naming(self, settings) -> None:
        settings.TRACKING_DEFAULT = INDIVIDUAL

    def paths(self, campaign, person) -> list[str]:
        """Return what the mail's picture and links ask the edge for."""
        mail = content.load(campaign.pk).render(Person.of(person))
        text = "".join(parts(mail.data))
        return sorted(set(re.findall(r"https://news\.example\.org(/[ocq]/[\w-]+)", text)))

    @pytest.mark.parametrize("withdraws", ["the person", "the list", "the installation"])
    @pytest.mark.parametrize("to", [OFF, AGGREGATE])
    def test_old_mail_still_works_and_names_nobody(self, settings, start_edge, withdraws, to):
        mailing_list = make_list()
        campaign = make_campaign(lists=[mailing_list], body="[A story](https://example.org/a)")
        composing.freeze(campaign)
        person = make_subscriber(lists=[mailing_list])
        edge, paths = start_edge(), self.paths(campaign, person)
        if withdraws == "the person":
            origin = Origin(method=ConsentRecord.Method.PREFERENCES)
            consent.choose_tracking(person.pk, TrackingChoice(to), origin=origin)
        elif withdraws == "the list":
            mailing_list.tracking = to
            mailing_list.save()
        else:
            settings.TRACKING_DEFAULT = to

        answers = [edge.get(path).status for path in paths]

        assert set(answers) == {200, 302}
        assert names() == ([0] * len(paths) if to == AGGREGATE else [])
        assert CampaignTotal.objects.exists() == (to == AGGREGATE)
        exact.check()

    def test_who_stays_is_named(self, start_edge):
        mailing_list = make_list()
        campaign = make_campaign(lists=[mailing_list], body="[A story](https://example.org/a)")
        composing.freeze(campaign)
        person = make_subscriber(lists=[mailing_list])
        edge, paths = start_edge(), self.paths(campaign, person)

        for path in paths:
            edge.get(path)

        assert set(names()) == {person.pk}


class TestForwards:
    """Copies that somebody had sent to friends, and that are read when they chose otherwise."""

    @pytest.fixture(autouse=True)
    def _naming(self, settings) -> None:
        settings.TRACKING_DEFAULT = INDIVIDUAL

    def make(self, kind: int, owner: int = 0, **fields) -> Forward:
        return Forward.objects.create(
            **{"campaign_id": 7, "subscriber_id": owner, "kind": kind, "state": "made", **fields}
        )

    def copies(self) -> list[int]:
        """Take in all that waits; return which copies events name."""
        names()
        return list(Event.objects.order_by("id").values_list("forward_id", flat=True))

    @pytest.mark.parametrize("kind", [Forward.Kind.FRIEND, Forward.Kind.SHARE])
    @pytest.mark.parametrize(
        ("by_now", "outcome"),
        [("", "itself"), (INDIVIDUAL, "itself"), (AGGREGATE, "common"), (OFF, "nothing")],
    )
    def test_a_copy_follows_whoever_passed_it_on(self, kind, by_now, outcome):
        owner, friend = make_subscriber(), make_subscriber(tracking=OFF)
        common = self.make(Forward.Kind.COMMON).pk
        copy = self.make(kind, owner.pk, email_hash=b"x" * 16).pk
        other = self.make(Forward.Kind.SHARE, friend.pk + 1).pk
        owner.tracking = by_now
        owner.save()

        append(opened(forward_id=copy), opened(forward_id=other), opened(forward_id=common))

        expected = {"itself": [copy], "common": [common], "nothing": []}[outcome]
        assert self.copies() == [*expected, other, common]
        exact.check()

    @pytest.mark.parametrize(
        ("chosen", "outcome"),
        [
            ([INDIVIDUAL], "itself"),
            ([AGGREGATE], "common"),
            ([OFF], "nothing"),
            ([OFF, INDIVIDUAL], "nothing"),
            ([OFF, AGGREGATE], "nothing"),
        ],
    )
    @pytest.mark.parametrize("said", ["", INDIVIDUAL])
    def test_a_copy_follows_the_friend_who_got_it(self, said, chosen, outcome):
        friend, other = make_subscriber(), make_subscriber()
        common = self.make(Forward.Kind.COMMON).pk
        copy, another = (
            self.make(
                Forward.Kind.FRIEND, make_subscriber().pk, tracking=said, email_hash=who.email_hash
            ).pk
            for who in (friend, other)
        )
        for choice in chosen:
            origin = Origin(method=ConsentRecord.Method.PREFERENCES)
            consent.choose_tracking(friend.pk, TrackingChoice(choice), origin=origin)

        append(opened(forward_id=copy), opened(forward_id=another))

        expected = {"itself": [copy], "common": [common], "nothing": []}[outcome]
        assert self.copies() == [*expected, another]
        exact.check()

    def test_a_copy_that_allowed_less_stays_so(self):
        friend = make_subscriber()
        copy = self.make(Forward.Kind.FRIEND, tracking=OFF, email_hash=friend.email_hash)

        origin = Origin(method=ConsentRecord.Method.PREFERENCES)
        consent.choose_tracking(friend.pk, TrackingChoice.AGGREGATE, origin=origin)

        copy.refresh_from_db()
        assert copy.tracking == OFF

    def test_what_was_chosen_when_it_was_passed_on_still_holds(self):
        owner = make_subscriber(tracking=INDIVIDUAL)
        self.make(Forward.Kind.COMMON)
        copy = self.make(Forward.Kind.SHARE, owner.pk, tracking=OFF).pk

        append(opened(forward_id=copy))

        assert self.copies() == []

    @pytest.mark.parametrize("choice", [OFF, AGGREGATE])
    def test_the_lists_count_for_who_has_chosen_nothing(self, settings, choice):
        common = self.make(Forward.Kind.COMMON).pk
        copy = self.make(Forward.Kind.SHARE, make_subscriber().pk).pk
        settings.TRACKING_DEFAULT = choice

        append(opened(forward_id=copy), opened(forward_id=common))

        assert self.copies() == ([] if choice == OFF else [common, common])
        exact.check()

    def test_a_copy_whose_owner_is_erased_goes_on_to_count(self):
        copy = self.make(Forward.Kind.FRIEND, 0, email_hash=b"x" * 16).pk

        append(opened(forward_id=copy), opened(forward_id=999_999))

        assert self.copies() == [copy, 999_999]

    def test_without_a_common_row_nothing_is_told_apart(self):
        owner = make_subscriber(tracking=AGGREGATE)
        copy = self.make(Forward.Kind.SHARE, owner.pk).pk

        append(opened(forward_id=copy))

        assert self.copies() == []
