"""A campaign of people and machines, mixed as lists of businesses and private people are."""

from collections.abc import Callable
from random import Random

from tests.simulator import machines, people
from tests.simulator.traces import Mail, Trace

START = 1_782_900_000.0  # 2026-07-01, at noon nearly
Single = Callable[[Trace, Mail], None]
Group = Callable[[Trace, list[Mail]], None]

# Behaviour -> how often, among people who do something.
SINGLES: dict[Single, int] = {
    people.alone(on_mobile=False): 30,
    people.alone(on_mobile=True): 34,
    people.two_tabs: 1,
    people.forwarded: 2,
    people.two_devices: 4,
    machines.preview: 1,
    machines.link_checker: 1,
}
# Behaviour of a company or carrier -> how often, and the number of its people.
GROUPS: dict[Group, tuple[int, int, int]] = {
    people.office: (3, 5, 60),
    people.carrier: (3, 40, 120),
    machines.gateway_burst: (5, 2, 40),
    machines.known_gateway: (2, 2, 40),
    machines.single_link: (2, 2, 40),
    machines.slow_sweep: (2, 2, 40),
}


def simulate(
    seed: int, size: int = 3_000, groups: dict[Group, tuple[int, int, int]] | None = None
) -> Trace:
    """Return the hits of a campaign to about `size` people who do something, or whose mail does."""
    random = Random(seed)
    trace = Trace(random)
    groups = GROUPS if groups is None else groups
    links = list(range(101, 101 + random.choice([2, 4, 6, 8, 12])))
    rate = random.uniform(20, 300)  # mails handed over in a second
    subscriber = 0
    while subscriber < size:
        if random.random() < 0.04:
            group, (_, least, most) = random.choices(
                list(groups.items()), [weight for weight, _, _ in groups.values()]
            )[0]
            count = random.randint(least, most)
            mails = [_mail(subscriber + n + 1, rate, links) for n in range(count)]
            group(trace, mails)
            subscriber += count
        else:
            subscriber += 1
            single = random.choices(list(SINGLES), list(SINGLES.values()))[0]
            single(trace, _mail(subscriber, rate, links))
    return trace


def _mail(subscriber: int, rate: float, links: list[int]) -> Mail:
    return Mail(7, subscriber, START + subscriber / rate, links)
