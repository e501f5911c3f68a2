"""A click leads where the mail said, and nowhere else; as few servers as possible are asked."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils.module_loading import import_string
from hypothesis import example, given
from hypothesis import strategies as st

from tracking import copies, links, targets
from tracking.models import Link
from tracking.targets import BadTarget, Targets, TargetsAway, as_target

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"


def run(settings, scene, wait=0.0):
    """Run `scene(targets)` with targets that have begun to listen for `wait` seconds."""

    async def play():
        known = Targets(settings.TRACKING_SPOOL.with_name("links"))
        await asyncio.sleep(wait)
        try:
            return await scene(known)
        finally:
            await known.close()

    return asyncio.run(play())


async def until(condition):
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def link(stored, settings):
    """A link in PostgreSQL alone, at an address that the edge's own connection reaches."""
    from django.db import connection

    from tests.tracking.servers import database_url

    settings.DATABASE_URL = database_url(connection.settings_dict)
    return Link.objects.create(campaign_id=7, url="https://example.org/story")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "http://example.org:8080/a/b?c=d&e=%20#f",
        "https://example.org/{x}?q=[1]|2",
        "https://example.org/?next=https://other.example/",
        "https://example.org/a@b?c=@d",
        "HTTPS://Example.ORG/",
        "https://xn--xample-9uf.org/",  # what only looks like example.org stays what it is
        "https://192.0.2.1/",
        "http://[2001:db8::1]:8080/x",
        "https://example.org/" + "x" * (8192 - 20),
    ],
)
def test_a_plain_address_stays_as_it_is(url):
    assert as_target(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "/story",
        "story",
        "",
        "https:",
        "https:///evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "ftp://example.org/",
        "mailto:a@example.org",
        "https://good.example@evil.example/",
        "https://user:secret@example.org/",
        "https://good.example\\@evil.example/",
        "https://example.org/\r\nset-cookie: a=b",
        "https://example.org/\nx",
        "https://example.org/\0",
        "https://example.org/ x",
        "\thttps://example.org/",
        "https://example.org:port/",
        "https://[::1/",
        "https://exa\u2028mple.org/",
        "https://bücher.example/",  # composing writes xn--bcher-kva.example
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://@evil.example/",
        "https://:secret@evil.example/",
        "https://good.example%2f.evil.example/",
        "https://good.example%00.evil.example/",
        "https://good.example;.evil.example/",
        "https://<script>/",
        "https://[fe80::1%25eth0]/",
        "https://[evil.example]/",
        "https:\\\\evil.example",
        "https:/\\evil.example",
        "https:////evil.example",
        "java\tscript:alert(1)",
        "ht\ttps://evil.example/",
        "https:\n//evil.example/",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://example.org/x",
        "view-source:https://example.org/",
        "http\u0455://example.org/",
        "https://ex\u0430mple.org/",
        "https://example\u3002org/",
        "https://example.org/" + "x" * 8192,
    ],
)
def test_anything_else_is_refused(url):
    with pytest.raises(BadTarget):
        as_target(url)


FRAGMENTS = st.sampled_from(
    [
        *(
            "http",
            "https",
            "HtTpS",
            "javascript",
            "data",
            "ftp",
            ":",
            "//",
            "/",
            "\\",
            "@",
            "#",
            "?",
        ),
        *(
            "good.example",
            "evil.example",
            "[::1]",
            "xn--e1afmkfd",
            "%2f",
            "%0d%0a",
            "%40",
            "..",
            ".",
        ),
        *(
            "\r\n",
            "\n",
            "\t",
            "\0",
            " ",
            "\x7f",
            "\u3000",
            "\u2028",
            "\u0430",
            ":80",
            ":0",
            "user:pw",
        ),
        *("Set-Cookie: a=b", "<script>", "&", "=", ";", ",", "{", "x" * 5000),
    ]
)
ADDRESSES = (
    st.text()
    | st.text().map("https://".__add__)
    | st.lists(FRAGMENTS, max_size=12).map("".join)
    | st.lists(FRAGMENTS, max_size=10).map(lambda parts: "https://" + "".join(parts))
)


@given(ADDRESSES)
@example("https://good.example\\@evil.example")
@example("https://good.example[::1]")
@example("https://evil.example\t@good.example")
def test_a_target_is_one_line_that_goes_to_the_host_that_all_read_in_it(url):
    try:
        target = as_target(url)
    except BadTarget:
        return

    assert target == url
    assert_leads_to_the_host_that_all_read_in_it(target)


def assert_leads_to_the_host_that_all_read_in_it(target):
    assert len(target) <= 8192
    assert target.isascii() and target.isprintable() and " " not in target
    # A browser takes a backslash for a slash and leaves out tabs: it must find neither.
    assert re.fullmatch(
        r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]*)?(?:[/?#][^\\]*)?", target, re.I
    )


# What a marketer may write, and whether it settles the host.
TEMPLATES = {
    "https://shop.example/{{ subscriber.name }}": True,
    "https://shop.example/{{ subscriber.attributes.code | urlencode }}#{{ subscriber.name }}": True,
    "https://shop.example/?q={{ subscriber.attributes.code }}&n={{ subscriber.email }}": True,
    "https://shop.example{{ subscriber.name }}": False,
    "https://shop.example:{{ subscriber.attributes.code }}/": False,
    "https://{{ subscriber.attributes.code }}.shop.example/": False,
    "https://{{ subscriber.attributes.code }}": False,
    "http{{ subscriber.attributes.code }}://shop.example/": False,
    "{{ subscriber.attributes.code }}": False,
    "{{ subscriber.attributes.code }}//shop.example/{{ subscriber.name }}": False,
}
VALUES = st.text() | st.lists(FRAGMENTS, max_size=8).map("".join)


@given(st.sampled_from(list(TEMPLATES)), VALUES, VALUES)
@example("https://shop.example{{ subscriber.name }}", "@evil.example", "")
@example("https://shop.example/{{ subscriber.name }}", "\r\nSet-Cookie: a=b", "")
def test_whatever_a_persons_values_are_a_link_leads_where_its_author_meant(template, name, code):
    row = (12, name, "ann@example.org", "", {"code": code})
    try:
        target = as_target(import_string(settings.LINK_RESOLVER)(template, row))
    except Exception:  # the edge takes each of these for a link that leads nowhere
        return

    assert_leads_to_the_host_that_all_read_in_it(target)
    if TEMPLATES[template]:
        assert re.match(r"https://shop\.example[/?#]", target)
    assert "evil.example" not in urlsplit(target).netloc or "evil.example" in code


def test_links_are_made_once(stored):
    urls = ["https://example.org/a", "https://example.org/b", "https://example.org/a"]

    first = links.ensure(7, urls)

    assert links.ensure(7, urls) == first
    assert Link.objects.filter(campaign_id=7).count() == 2
    assert set(links.ensure(8, urls).values()).isdisjoint(first.values())


def test_a_link_that_would_not_be_followed_is_not_made(stored):
    with pytest.raises(BadTarget, match="javascript"):
        links.ensure(7, ["https://example.org/a", "javascript:alert(1)"])

    assert not Link.objects.exists()


def test_published_links_are_known_before_anybody_asks(link, settings):
    settings.DATABASE_URL = NOWHERE
    links.publish(7)

    async def scene(known):
        await until(lambda: known.recall(link.id))
        return known.recall(link.id)

    assert run(settings, scene) == "https://example.org/story"


def test_links_published_later_are_learned(link, settings, monkeypatch):
    monkeypatch.setattr(targets, "LISTEN_EVERY", 0.05)
    settings.DATABASE_URL = NOWHERE

    async def scene(known):
        assert known.recall(link.id) is None
        await asyncio.to_thread(publish)
        await until(lambda: known.recall(link.id))
        return known.recall(link.id)

    def publish():
        from django.db import connection

        links.publish(7)
        connection.close()

    assert run(settings, scene, wait=0.3) == "https://example.org/story"


@pytest.mark.parametrize("junk", ["x", "", "7.0", "-1", "\u0667", "1_0", b"\xff", "9" * 5000, "8"])
def test_what_is_no_campaign_does_not_hide_those_after_it(link, events, settings, junk):
    events.rpush(targets.published_key(), junk)
    events.set(targets.key(8), "not a hash")
    links.publish(7)
    settings.DATABASE_URL = NOWHERE

    async def scene(known):
        await until(lambda: known.recall(link.id))
        return known._published

    assert run(settings, scene) == 2


def test_newest_links_are_read_from_postgresql_at_the_start(link, settings):
    async def scene(known):
        await until(lambda: known.recall(link.id))
        return known.recall(link.id)

    assert run(settings, scene) == "https://example.org/story"


def test_a_link_that_redis_forgot_is_asked_of_postgresql_and_told_to_redis(link, events, settings):
    async def scene(known):
        return await known.find(7, link.id)

    assert run(settings, scene) == "https://example.org/story"
    assert events.hget(targets.key(7), link.id) == b"https://example.org/story"


def test_a_link_of_another_campaign_is_not_found(link, settings):
    async def scene(known):
        return await known.find(8, link.id)

    assert run(settings, scene) is None


def test_with_postgresql_away_redis_is_enough(link, settings):
    links.publish(7)
    settings.DATABASE_URL = NOWHERE

    async def scene(known):
        return await known.find(7, link.id)

    assert run(settings, scene) == "https://example.org/story"


def test_with_redis_away_postgresql_is_enough(link, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    async def scene(known):
        return await known.find(7, link.id)

    assert run(settings, scene) == "https://example.org/story"


@pytest.mark.parametrize("junk", [{b"x": b"y"}, {b"\xff": b"\xff"}, {b"7": b"\xff\xfe"}, None])
def test_what_redis_should_not_hold_is_asked_of_postgresql(link, events, settings, junk):
    events.delete(targets.key(7))
    if junk:
        events.hset(targets.key(7), mapping=junk)
    else:
        events.set(targets.key(7), "not a hash")

    async def scene(known):
        return await known.find(7, link.id)

    assert run(settings, scene) == "https://example.org/story"


def test_a_question_that_fails_in_an_unknown_way_goes_to_the_next(link, settings):
    async def scene(known):
        async def fail(_):
            raise AttributeError("as drivers raise it when a connection goes at the wrong moment")

        known._from_redis = fail
        return await known.find(7, link.id)

    assert run(settings, scene) == "https://example.org/story"


def test_with_both_away_what_is_in_memory_is_enough(link, settings):
    async def scene(known):
        await known.find(7, link.id)
        settings.DATABASE_URL = NOWHERE
        return await known.find(7, link.id)

    assert run(settings, scene) == "https://example.org/story"


def test_with_both_away_the_disk_knows_what_was_ever_learned(link, settings):
    other = Link.objects.create(campaign_id=8, url="https://example.org/other")
    links.publish(8)

    async def learn(known):
        await known.find(7, link.id)
        await until(lambda: known.recall(other.id))

    run(settings, learn)
    settings.DATABASE_URL, settings.REDIS_URL = NOWHERE, "redis://127.0.0.1:9/0"

    async def scene(known):
        return [await known.find(7, link.id), await known.find(8, other.id)]

    assert run(settings, scene) == [link.url, other.url]


def test_a_link_that_left_the_memory_is_on_the_disk(link, settings, monkeypatch):
    monkeypatch.setattr(targets, "LISTEN_EVERY", 0.05)
    links.publish(7)

    async def scene(known):
        await known.find(7, link.id)
        await until(lambda: list(settings.TRACKING_SPOOL.with_name("links").glob("7.json")))
        settings.DATABASE_URL = NOWHERE
        known._redis.connection_pool.connection_kwargs["port"] = 9
        await known._redis.connection_pool.disconnect()
        monkeypatch.setattr(targets, "MEMORY", 30)
        known._learn(9, {1: "https://example.org/1"})
        assert known.recall(link.id) is None
        monkeypatch.setattr(targets, "MEMORY", 1000)
        return await known.find(7, link.id)

    assert run(settings, scene, wait=0.3) == link.url


def test_what_lies_on_the_disk_is_checked_like_everything_else(stored, settings):
    folder = settings.TRACKING_SPOOL.with_name("links")
    copies.Copies(folder).keep(7, {1: "javascript:alert(1)", 2: "//evil.example"})
    settings.DATABASE_URL, settings.REDIS_URL = NOWHERE, "redis://127.0.0.1:9/0"

    async def scene(known):
        return [await known.find(7, link_id) for link_id in (1, 2)]

    assert run(settings, scene) == [None, None]


def test_a_disk_that_takes_nothing_holds_nothing_up(link, settings, caplog):
    settings.TRACKING_SPOOL.with_name("links").write_text("a file where the folder should be")

    async def scene(known):
        return await known.find(7, link.id)

    assert run(settings, scene) == link.url
    assert "have no copy" in caplog.text


def test_a_click_teaches_all_links_of_its_mail(link, settings):
    other = Link.objects.create(campaign_id=7, url="https://example.org/other")

    async def scene(known):
        await known.find(7, link.id)
        return known.recall(other.id)

    assert run(settings, scene) == other.url


def test_what_nobody_could_be_asked_about_is_not_called_unknown(stored, settings):
    settings.DATABASE_URL = NOWHERE

    async def scene(known):
        for _ in range(2):
            with pytest.raises(TargetsAway):
                await known.find(7, 12345)

    run(settings, scene)


def test_many_who_ask_at_once_cost_one_search(link, monkeypatch, settings):
    searches = []
    original = targets._from_postgresql

    async def counting(*arguments):
        searches.append(arguments)
        return await original(*arguments)

    monkeypatch.setattr(targets, "_from_postgresql", counting)

    async def scene(known):
        return await asyncio.gather(*(known.find(7, link.id) for _ in range(50)))

    assert run(settings, scene) == ["https://example.org/story"] * 50
    assert len(searches) == 1


def test_memory_is_bounded_and_keeps_what_is_used(stored, settings, monkeypatch):
    settings.DATABASE_URL = NOWHERE
    monkeypatch.setattr(targets, "MEMORY", 100)

    async def scene(known):
        known._learn(7, {1: "https://example.org/" + "1" * 20})
        known._learn(7, {2: "https://example.org/" + "2" * 20})
        known.recall(1)
        known._learn(7, {3: "https://example.org/" + "3" * 20})
        return [known.recall(number) is not None for number in (1, 2, 3)]

    assert run(settings, scene) == [True, False, True]


def test_a_bad_address_in_the_table_is_not_followed(link, settings):
    Link.objects.update(url="javascript:alert(1)")

    async def scene(known):
        return await known.find(7, link.id)

    assert run(settings, scene) is None


def test_publishing_with_redis_away_only_says_so(link, settings, caplog):
    from tracking import stream

    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    stream.client.cache_clear()

    assert links.publish(7) is False

    assert "could not be published" in caplog.text
    stream.client.cache_clear()
