"""How fast a campaign is sent, each time against a reference on the same mail servers.

Promise: a number is printed only for a campaign that was sent to everybody, whose sum balances, and
of which everything was recorded. Both sides of a ratio are warmed up, and alternate for some
rounds; the ratio is the median of the rounds' ratios.

Our side is the product: a campaign started by `newsletter.campaigns`, sent by `manage.py worker`
with its beat and broker, from the return of `start` until the campaign is finished. The reference
is Postfix's load generator `smtp-source`, which sends one ready mail over kept connections and
records nothing. Both talk to Postfix's `smtp-sink`. PostgreSQL, Redis, workers and sinks share this
machine, so our side shares the processor with its database, and the reference does not.
"""
