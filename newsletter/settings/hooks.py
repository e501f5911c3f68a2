"""What lower layers call above them without importing it: each setting names functions."""

# Each is called with a subscriber's id, in this order, in one transaction.
SUBSCRIBER_ERASERS = [
    "newsletter.erase.erase_subscriber",
    "newsletter.erase.erase_log",
    "tracking.bands.erase_subscriber",
    "tracking.erase.erase_subscriber",
    "tracking.forwards.erase_subscriber",
]
# Each is called with the ids of people who chose what may be recorded of them, in the transaction
# of their choice.
CHOICE_FOLLOWERS = ["tracking.forwards.follow_choices"]
# campaign ids -> each one's ids of the lists that it went to; what an unsubscribe link is about.
CAMPAIGN_LISTS = "newsletter.audience.lists_of_campaigns"
# The token in /join/<slug>?from=<token> -> (campaign id, evidence): whose mail led to a sign-up.
JOIN_SOURCE = "tracking.forwards.read_source"

# A personal link's template, (id, name, email, language, attributes) -> the address. Called by the
# edge, where no models are loaded.
LINK_RESOLVER = "newsletter.templating.addresses.resolve"
