"""How fast a compiled message is rendered, against Python's email package in the same run.

One mail of 10 KB with 8 tracked links and what reports back by itself, personal in a few places.
Both sides render with compiled Jinja2 templates and make a token for each link; the reference then
builds the message with `email.message.EmailMessage`, as a careful Django project would.
"""

import gc
import time
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from statistics import median
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:  # models can be imported after django.setup only
    from newsletter.composing import Person
    from newsletter.models import Edition

ROUNDS = 5
COMPILED = 4_000  # mails in a round
PLAIN = 150
LINKS = 8


def main() -> None:
    """Print the cost of one mail, made in both ways, and the ratio."""
    django.setup()
    from newsletter.composing import CompiledMessage, Person

    edition = _edition()
    compiled = CompiledMessage(edition)
    people = [
        Person(number, f"reader{number}@example.org", "Ann Reader", {"city": "Leith"}, "en")
        for number in range(1_000_000, 1_000_000 + COMPILED)
    ]
    plainly = _plainly(edition)
    compiled.render(people[0])  # the bodies are compiled at the first mail
    size = len(compiled.render(people[0]).data)
    for choice in ("individual", "aggregate", "off"):
        chosen = [person._replace(tracking=choice) for person in people]
        fast = median(_cost(compiled.render, chosen) for _ in range(ROUNDS))
        print(f"compiled, {size:,} bytes, tracking {choice:10}  {fast:8.1f} us a mail")
        if choice == "individual":
            slow = median(_cost(plainly, chosen[:PLAIN]) for _ in range(ROUNDS))
            print(f"Python's email package                   {slow:8.1f} us a mail")
            print(f"ratio                                    {slow / fast:8.1f}")


def _cost(render: Callable[..., object], people: list[Any]) -> float:
    gc.collect()
    start = time.process_time()
    for person in people:
        render(person)
    return (time.process_time() - start) / len(people) * 1e6


def _edition() -> "Edition":
    from newsletter.models import Edition

    paragraph = f'<p style="margin:0 0 16px;">{"Lorem ipsum dolor sit amet. " * 36}</p>\n'
    html = "<html><head>{{ quote_style }}</head><body>"
    html += "<h1>Hello {{ subscriber.first_name | default('you') }}</h1>\n"
    text = "Hello {{ subscriber.first_name | default('you') }}\n\n"
    for number in range(LINKS):
        html += f'{paragraph}<p><a href="{{{{ link_{number} }}}}">Read on</a></p>\n'
        text += f"Lorem ipsum dolor sit amet.\nRead on <{{{{ link_{number} }}}}>\n\n"
    leave = "{% if subscriber.attributes.city %}{{ subscriber.attributes.city }} {% endif %}"
    return Edition(
        campaign_id=12,
        subject="News for {{ subscriber.first_name }}",
        html=f'{html}<p>{leave}<a href="{{{{ unsubscribe_url }}}}">Leave</a> '
        '<a href="{{ forward_url }}">Forward</a></p>'
        "{{ hidden_link }}{{ open_pixel }}</body></html>\n",
        text=f"{text}{leave}Leave: {{{{ unsubscribe_url }}}}\nForward: {{{{ forward_url }}}}\n",
        from_email="The News <news@example.org>",
        list_name="News",
        list_id="news.example.org",
        feedback_id="c12:news:newsletter:broadsheet",
        link_urls=[f"https://example.org/{number}" for number in range(LINKS)],
        link_ids=list(range(1_001, 1_001 + LINKS)),
    )


def _plainly(edition: "Edition") -> Callable[["Person"], bytes]:
    from django.conf import settings

    from newsletter.composing.beacons import filled
    from newsletter.composing.people import shared_values
    from newsletter.templating import html_environment, text_environment
    from subscribers.signing import sign

    subject = text_environment.from_string(edition.subject)
    html = html_environment.from_string(edition.html)
    text = text_environment.from_string(edition.text)
    shared = shared_values(edition)
    campaign = edition.campaign_id

    def render(person: "Person") -> bytes:
        number = person.subscriber_id
        leave = f"{settings.PUBLIC_URL}/u/{sign('unsubscribe', number, campaign)}"
        opened = sign("open", campaign, number)
        values = {
            **shared,
            "subscriber": person.values(),
            "unsubscribe_url": leave,
            "forward_url": f"{settings.PUBLIC_URL}/f/{sign('forward', campaign, number)}",
            **filled("individual", opened, sign("click", campaign, number, 0)),
        }
        for slot, link in enumerate(edition.link_ids):
            token = sign("click", campaign, number, link)
            values[f"link_{slot}"] = f"{settings.TRACKING_URL}/c/{token}"
        message = EmailMessage(policy=SMTP.clone(max_line_length=998))
        message["From"] = edition.from_email
        message["To"] = Address(person.name, addr_spec=person.email)
        message["Subject"] = subject.render(values)
        message["Message-ID"] = f"<{sign('message-id', campaign, number)}@example.org>"
        message["List-Unsubscribe"] = f"<{leave}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["List-ID"] = f"{edition.list_name} <{edition.list_id}>"
        message["Feedback-ID"] = edition.feedback_id
        message.set_content(text.render(values), cte="quoted-printable")
        message.add_alternative(html.render(values), subtype="html", cte="quoted-printable")
        return message.as_bytes()

    return render


if __name__ == "__main__":
    main()
