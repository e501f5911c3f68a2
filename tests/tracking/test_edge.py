"""A real edge: the reader always gets the picture or the page, and what was answered is stored."""

import json
import os
import re
import threading
import time

import pytest
from django.db import connection

from newsletter.composing import CompiledMessage, Person
from subscribers import erase
from subscribers.models import Subscriber
from tests.composing.making import make_edition, parts
from tests.factories import make_subscriber
from tests.tracking.makers import recorded
from tests.tracking.servers import wait_for
from tracking import links, packs, spool, targets, tokens

pytestmark = pytest.mark.usefixtures("stored")

AWAY = "postgresql://nobody@127.0.0.1:9/none"
OLDER, NEWER = "the older key 0123456789", "the newer key 0123456789"
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "en-GB,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
}
STORY = "https://example.org/story?a=1"


@pytest.fixture
def story():
    """A published link of campaign 7."""
    [link_id] = links.ensure(7, [STORY]).values()
    links.publish(7)
    return link_id


def hits(client, settings):
    # A Redis that a busy machine keeps waiting gets its hits a moment later, from the disk.
    wait_for(lambda: spool.is_empty(settings.TRACKING_SPOOL))
    return recorded(client, settings.TRACKING_STREAM)


def spooled(settings):
    found = []
    spool.replay(settings.TRACKING_SPOOL, found.extend)
    return [hit for pack in found for hit in packs.decode(pack)[1]]


def assert_private(response):
    assert response.getheader("cache-control") == "no-store, private"
    assert response.getheader("referrer-policy") == "no-referrer"
    assert response.getheader("x-robots-tag") == "noindex, nofollow"
    assert response.getheader("set-cookie") is None


def test_what_an_edge_answers(start_edge, story, events, settings):
    """One process for all that needs no server to fail: starting it is the dear part."""
    edge = start_edge(TRUSTED_PROXIES="127.0.0.1")
    open_token, click_token = tokens.sign_open(7, 12), tokens.sign_click(7, 12, story)

    a_picture_is_sent_and_counted(edge, open_token, events, settings)
    a_link_redirects_and_is_counted(edge, click_token, events, settings)
    head_is_answered_and_marked(edge, open_token, click_token, events, settings)
    forged_tokens_get_a_page_and_are_not_counted(edge, open_token, click_token, events, settings)
    nobody_is_led_elsewhere(edge, click_token, events, settings)
    other_methods_are_refused(edge, open_token, events, settings)
    facts_are_kept_and_the_proxy_is_believed(edge, open_token, events, settings)
    its_health_is_told(edge)
    robots_are_told_to_stay_away(edge)
    assert open_token not in edge.log
    assert click_token not in edge.log


def a_picture_is_sent_and_counted(edge, token, client, settings):
    before = int(time.time() * 1000)
    for path in (f"/o/{token}", f"/o/{token}.gif", f"/o/{token}?utm_source=x"):
        response = edge.get(path)

        assert response.status == 200
        assert response.getheader("content-type") == "image/gif"
        assert response.getheader("content-length") == "43"
        assert response.body[:6] == b"GIF89a"
        assert_private(response)
    found = hits(client, settings)
    assert [hit[:5] for hit in found] == [(1, 7, 12, 0, 0)] * 3
    assert before <= found[0].at <= int(time.time() * 1000)


def a_link_redirects_and_is_counted(edge, token, client, settings):
    response = edge.get(f"/c/{token}")

    assert response.status == 302
    assert response.getheader("location") == STORY
    assert_private(response)
    assert hits(client, settings)[-1][:2] == (2, 7)


def head_is_answered_and_marked(edge, open_token, click_token, client, settings):
    before = len(hits(client, settings))

    picture, redirect = edge.get(f"/o/{open_token}", "HEAD"), edge.get(f"/c/{click_token}", "HEAD")

    assert (picture.status, redirect.status) == (200, 302)
    assert redirect.getheader("location") == STORY
    assert picture.body == redirect.body == b""
    marks = [json.loads(hit.marks) for hit in hits(client, settings)[before:]]
    assert [mark["method"] for mark in marks] == ["HEAD", "HEAD"]


def forged_tokens_get_a_page_and_are_not_counted(edge, open_token, click_token, client, settings):
    before = hits(client, settings)
    forged = [
        f"/o/{open_token[:-1]}",
        f"/o/{open_token[:-1]}{'A' if open_token[-1] != 'A' else 'Q'}",
        f"/o/{click_token}",
        f"/c/{open_token}",
        f"/c/{click_token}x",
        f"/c/{tokens.sign_click(8, 12, 10**9)}",  # ours, but of no link
        f"/c/{click_token}/",
        "/c/",
        "/o/.gif",
        "/o/%00",
        "/c/" + "A" * 8000,
        "/",
        "/wp-login.php",
    ]
    for path in forged:
        response = edge.get(path)

        assert response.status == 404, path
        assert b"This link does not work" in response.body
        assert response.getheader("location") is None
        assert_private(response)
    assert hits(client, settings) == before


def nobody_is_led_elsewhere(edge, token, client, settings):
    for path in (
        f"/c/{token}?url=https://evil.example",
        f"/c/{token}?next=//evil.example",
        f"/c/{token}#https://evil.example",
    ):
        assert edge.get(path).getheader("location") == STORY
    for path in (
        f"/c/{token}/https://evil.example",
        "/c/https://evil.example",
        "/c///evil.example",
        "//evil.example/c/",
    ):
        response = edge.get(path)
        assert response.status == 404
        assert response.getheader("location") is None


def other_methods_are_refused(edge, token, client, settings):
    before = hits(client, settings)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = edge.get(f"/o/{token}", method)

        assert response.status == 405
        assert response.getheader("allow") == "GET, HEAD"
    assert hits(client, settings) == before


def facts_are_kept_and_the_proxy_is_believed(edge, token, client, settings):
    edge.get(
        f"/o/{token}",
        headers={
            "User-Agent": "Mozilla/5.0 " + "x" * 1000,
            "Accept-Language": "en",
            "Sec-Fetch-Dest": "image",
            "X-Forwarded-For": "198.51.100.1, 203.0.113.77",
        },
    )

    hit = hits(client, settings)[-1]
    assert hit.network == "203.0.113.0"
    assert hit.user_agent.startswith("Mozilla/5.0 x")
    assert len(hit.user_agent) == 400
    marks = json.loads(hit.marks)
    assert (marks["language"], marks["dest"]) == (True, "image")
    edge.get(f"/o/{token}", headers={"X-Forwarded-For": b"\xff, 203.0.113.77"})
    assert hits(client, settings)[-1].network == ""


def its_health_is_told(edge):
    response = edge.get("/healthz")

    assert json.loads(response.body) == {"alive": True, "stream": True}


def robots_are_told_to_stay_away(edge):
    assert b"Disallow: /" in edge.get("/robots.txt").body


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux has this policy alone")
def test_threads_of_an_edge_do_not_push_each_other_off_their_core(start_edge):
    edge = start_edge()

    threads = {
        int(task.name) for process in edge.processes() for task in process.glob("task/[0-9]*")
    }

    assert len(threads) > 3
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_BATCH}


def test_without_trusted_proxies_the_client_is_who_connects(start_edge, events, settings):
    edge = start_edge()

    edge.get(f"/o/{tokens.sign_open(7, 1)}", headers={"X-Forwarded-For": "203.0.113.77"})

    assert hits(events, settings)[-1].network == "127.0.0.0"


def test_a_click_while_postgresql_is_down_redirects_and_counts(start_edge, story, events, settings):
    edge = start_edge(DATABASE_URL=AWAY)

    response = edge.get(f"/c/{tokens.sign_click(7, 12, story)}")

    assert response.getheader("location") == STORY
    assert [hit.link_id for hit in hits(events, settings)] == [story]


PERSONAL = (
    "https://shop.example/{{ subscriber.attributes.code }}?n={{ subscriber.name | urlencode }}"
)


def personal_link():
    """Return a mail's own address of a personal link, taken from the mail itself."""
    person = make_subscriber(email="ann@example.org", name="Ann & Co", attributes={"code": "a/b"})
    edition = make_edition(
        campaign_id=7, link_urls=[PERSONAL], link_ids=list(links.ensure(7, [PERSONAL]).values())
    )
    links.publish(7)
    edition.html = edition.text = "<{{ link_0 }}>"
    mail = CompiledMessage(edition).render(Person.of(person)._replace(tracking="individual"))
    [path] = set(re.findall(r"<https://news\.example\.org(/c/[\w-]+)>", "".join(parts(mail.data))))
    return person, path


def test_a_personal_link_leads_from_the_mail_to_the_persons_own_address(
    start_edge, events, settings
):
    person, path = personal_link()
    edge = start_edge()

    first = edge.get(path)
    head = edge.get(path, "HEAD")
    Subscriber.objects.filter(pk=person.pk).update(name="Ann B", attributes={"code": "c"})
    corrected = edge.get(path)
    Subscriber.objects.filter(pk=person.pk).update(attributes={})
    edge.get(path)
    erase.erase(person.pk)
    gone = edge.get(path)

    assert first.status == 302
    assert first.getheader("location") == "https://shop.example/a%2Fb?n=Ann%20%26%20Co"
    assert_private(first)
    assert head.getheader("location") == first.getheader("location")
    assert corrected.getheader("location") == "https://shop.example/c?n=Ann%20B"
    assert gone.status == 410 and gone.getheader("location") is None
    assert b"leads nowhere" in gone.body and b"Ann" not in gone.body
    assert_private(gone)
    # Each click is kept, whatever came of it.
    assert [hit[:3] for hit in hits(events, settings)] == [(2, 7, person.pk)] * 5
    for told in ("Ann", "shop.example", path[3:]):
        assert told not in edge.log


def test_a_value_that_makes_no_address_leads_nowhere_and_is_not_logged(start_edge, settings):
    person = make_subscriber(email="ann@example.org", attributes={"home": "javascript:secret(1)"})
    templates = ["{{ subscriber.attributes.home }}", "https://{{ subscriber.name }}.example.org/"]
    ids = links.ensure(7, templates)
    Subscriber.objects.filter(pk=person.pk).update(name="evil")
    edge = start_edge()

    answers = [edge.get(f"/c/{tokens.sign_click(7, person.pk, ids[url])}") for url in templates]

    assert [answer.status for answer in answers] == [404, 404]
    assert all(answer.getheader("location") is None for answer in answers)
    assert "secret" not in edge.log and "evil" not in edge.log


def test_a_personal_link_while_postgresql_is_down_asks_to_try_again_and_counts(
    start_edge, events, settings
):
    person, path = personal_link()
    edge = start_edge(DATABASE_URL=AWAY)

    answer = edge.get(path)

    assert answer.status == 503
    assert answer.getheader("retry-after") == "5"
    assert [hit.subscriber_id for hit in hits(events, settings)] == [person.pk]


def test_a_personal_link_works_again_when_postgresql_has_dropped_the_connection(start_edge, events):
    _, path = personal_link()
    edge = start_edge()
    edge.get(path)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert edge.get(path).status == 302


def test_a_link_that_redis_forgot_is_looked_up(start_edge, story, events, settings):
    events.delete(targets.key(7), targets.published_key())
    edge = start_edge()

    assert edge.get(f"/c/{tokens.sign_click(7, 12, story)}").status == 302


def test_with_all_servers_down_a_new_edge_leads_where_a_former_one_did(
    own_redis, start_edge, story, settings
):
    former = start_edge()
    wait_for(lambda: list(settings.TRACKING_SPOOL.with_name("links").glob("7.json")))
    former.kill()
    own_redis.kill()
    edge = start_edge(DATABASE_URL=AWAY)

    response = edge.get(f"/c/{tokens.sign_click(7, 12, story)}")

    assert response.status == 302
    assert response.getheader("location") == STORY
    edge.kill()
    # Its worker may live a moment longer, and hold the file.
    assert [hit[:5] for hit in wait_for(lambda: spooled(settings))] == [(2, 7, 12, 0, story)]


def test_mail_that_was_signed_before_a_rotation_works(start_edge, story, settings):
    def mail(*keys):
        settings.TRACKING_KEYS = list(keys)
        return f"/o/{tokens.sign_open(7, 12)}", f"/c/{tokens.sign_click(7, 12, story)}"

    old, new, foreign = mail(OLDER), mail(NEWER, OLDER), mail("of somebody else 0123456789")
    edge = start_edge(TRACKING_KEYS=f"{NEWER},{OLDER}")

    assert set(old).isdisjoint(new)
    assert [edge.get(path).status for path in (*old, *new)] == [200, 302, 200, 302]
    assert [edge.get(path).status for path in foreign] == [404, 404]


def test_an_unknown_link_with_all_servers_down_gets_a_page_to_try_again(start_edge):
    edge = start_edge(DATABASE_URL=AWAY, REDIS_URL="redis://127.0.0.1:9/0")

    response = edge.get(f"/c/{tokens.sign_click(7, 12, 3)}")

    assert response.status == 503
    assert response.getheader("retry-after") == "5"
    assert b"load this page again" in response.body


def test_redis_killed_and_started_again_costs_no_reader_and_no_hit(
    own_redis, start_edge, story, settings
):
    """Readers come all the time, while Redis dies and comes back twice."""
    edge = start_edge()
    answered, statuses = [], set()
    enough = threading.Event()

    def read():
        number = 0
        while not enough.is_set():
            number += 1
            kind = tokens.sign_open(7, number), tokens.sign_click(7, number, story)
            path = f"/c/{kind[1]}" if number % 3 == 0 else f"/o/{kind[0]}"
            statuses.add(edge.get(path).status)
            answered.append(number)

    reader = threading.Thread(target=read)
    reader.start()

    def some_more():
        so_far = len(answered)
        wait_for(lambda: len(answered) > so_far + 20)

    for _ in range(2):
        some_more()
        own_redis.kill()
        some_more()
        own_redis.start()
        wait_for(lambda: edge.log.count("takes hits again") == edge.log.count("go to the spool"))
    some_more()
    enough.set()
    reader.join()

    assert statuses == {200, 302}
    wait_for(lambda: spool.is_empty(settings.TRACKING_SPOOL))
    # A pack that Redis took without being able to say so is there twice; ingest knows it by its id.
    found = [hit.subscriber_id for hit in hits(own_redis.client(), settings)]
    assert set(found) == set(answered)
    assert edge.log.count("go to the spool") == 2


def test_a_redis_that_hangs_keeps_nobody_waiting(own_redis, start_edge, story, settings):
    """For how long: test_recorder."""
    edge = start_edge()
    edge.get(f"/o/{tokens.sign_open(7, 1)}")
    own_redis.hang()

    answers = [edge.get(f"/c/{tokens.sign_click(7, number, story)}") for number in range(5)]

    assert [answer.status for answer in answers] == [302] * 5
    assert "go to the spool" in edge.log
    own_redis.go_on()
    wait_for(lambda: spool.is_empty(settings.TRACKING_SPOOL))


def test_what_a_killed_edge_had_on_its_disk_is_sent_by_the_next(own_redis, start_edge, settings):
    own_redis.kill()
    edge = start_edge()
    for number in range(5):
        assert edge.get(f"/o/{tokens.sign_open(7, number)}").status == 200
    edge.kill()
    own_redis.start()

    start_edge()

    wait_for(lambda: spool.is_empty(settings.TRACKING_SPOOL))
    found = hits(own_redis.client(), settings)
    assert [hit.subscriber_id for hit in found] == [0, 1, 2, 3, 4]


def test_an_edge_that_is_told_to_end_has_stored_what_it_answered(start_edge, events, settings):
    edge = start_edge()
    answered = []

    def read(start):
        number = start
        while True:
            try:
                edge.get(f"/o/{tokens.sign_open(7, number)}")
            except OSError:
                return
            answered.append(number)
            number += 1

    readers = [threading.Thread(target=read, args=(start,)) for start in (10_000, 20_000, 30_000)]
    for reader in readers:
        reader.start()
    wait_for(lambda: len(answered) > 50)

    code = edge.stop()

    for reader in readers:
        reader.join()
    assert code == 0
    assert set(answered) <= {hit.subscriber_id for hit in hits(events, settings)}


def test_several_workers_share_a_port_and_a_disk(own_redis, start_edge, settings):
    own_redis.kill()
    edge = start_edge(EDGE_WORKERS="2")

    for number in range(40):
        assert edge.get(f"/o/{tokens.sign_open(7, number)}").status == 200
    own_redis.start()

    wait_for(lambda: spool.is_empty(settings.TRACKING_SPOOL))
    found = {hit.subscriber_id for hit in hits(own_redis.client(), settings)}
    assert found == set(range(40))


def test_from_a_hit_to_the_report(start_edge, start_ingest, story):
    """Edge, stream, ingest and report together."""
    from tracking import reports

    edge = start_edge()
    ingest = start_ingest()
    wait_for(lambda: "ingest runs" in ingest.log)
    edge.get(f"/o/{tokens.sign_open(7, 0)}", headers=BROWSER | {"Accept": "image/*"})
    edge.get(f"/c/{tokens.sign_click(7, 0, story)}", headers=BROWSER | {"Accept": "text/html"})

    # Each in a pack of its own, which two threads may store in any order.
    def counted():
        totals = reports.overview([7])[7]
        return totals.opens, totals.clicks

    wait_for(lambda: counted() == (1, 1))

    report = reports.campaign_report(7, sent=1)
    assert [link.clicks for link in report.links] == [1]
    connection.close()
