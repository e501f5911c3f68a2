"""What the mail catcher keeps, and how it is read again.

A mail is two things: `<shard>/<id>.eml`, the bytes exactly as they came, and a line of
`<shard>/index.jsonl` with the envelope (which is not part of a mail) and what a list shows of it.
A shard is a folder of some hundred mails; the oldest shard goes as a whole when there are too many.
The file appears under its name only when it is complete, and its line follows it, so a reader never
sees half a mail. Reading and clearing are safe while mail arrives.
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path

from django.conf import settings

from newsletter.sending import servers

PAGE_SIZE = 50
SHARD_SIZE = 500  # mails; a folder that a file manager still opens at once
_SHARD = re.compile(r"\d{8}")
_ID = re.compile(r"(\d{8})-[0-9a-f]{20}")
_INDEX = "index.jsonl"


class NoSuchMail(LookupError):
    """There is no mail with this id (any more)."""


@dataclass(frozen=True)
class Summary:
    """A line of the list. `sender` and `recipients` are the envelope's, the rest the mail's own."""

    id: str
    received: datetime
    sender: str
    recipients: tuple[str, ...]
    from_header: str
    to_header: str
    subject: str
    size: int  # bytes


@dataclass(frozen=True)
class Page:
    """A page of the list, newest first."""

    mails: list[Summary]
    number: int  # from 1
    pages: int  # at least 1
    total: int  # mails that fit the query


@dataclass(frozen=True)
class Mail:
    """One mail, taken apart for people to look at."""

    summary: Summary
    headers: list[tuple[str, str]]
    html: str  # "" when there is none; written by strangers: show it in a sandboxed frame only
    text: str  # "" when there is none
    source: str
    raw: bytes


def is_in_use() -> bool:
    """Tell whether mail goes to our own mail catcher, and not to a server in the world."""
    server = servers.parse(settings.SMTP_URL)
    return (server.host, server.port) == (settings.MAILCATCHER_HOST, settings.MAILCATCHER_PORT)


# --- reading --------------------------------------------------------------------------


def list_mails(query: str = "", page: int = 1) -> Page:
    """Return a page of the mails in whose addresses or subject `query` occurs, newest first."""
    lines = [line for shard in reversed(_shards(settings.OUTBOX)) for line in _index(shard)[::-1]]
    if wanted := query.casefold().strip():
        lines = [line for line in lines if _fits(line, wanted)]
    pages = max(1, -(-len(lines) // PAGE_SIZE))
    number = min(max(1, page), pages)
    shown = lines[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return Page([_summary(line) for line in shown], number, pages, len(lines))


def read_mail(mail_id: str) -> Mail:
    """Return one mail. Raises NoSuchMail, also for an id that is none."""
    match = _ID.fullmatch(mail_id)
    if not match:
        raise NoSuchMail(mail_id)
    shard = settings.OUTBOX / match[1]
    try:
        raw = (shard / f"{mail_id}.eml").read_bytes()
    except OSError:
        raise NoSuchMail(mail_id) from None
    for line in _index(shard):
        if mail_id in line and (summary := _summary(line)).id == mail_id:
            return _take_apart(summary, raw)
    raise NoSuchMail(mail_id)


def messages() -> Iterator[EmailMessage]:
    """Yield every mail, oldest first."""
    for shard in _shards(settings.OUTBOX):
        for line in _index(shard):
            with suppress(FileNotFoundError):
                yield _parse((shard / f"{_summary(line).id}.eml").read_bytes())


def clear() -> int:
    """Remove all mails and return how many there were."""
    count = 0
    for shard in _shards(settings.OUTBOX):
        count += len(_index(shard))
        _remove(shard)
    return count


# --- keeping --------------------------------------------------------------------------


class Keeper:
    """Writes mails into the outbox; one process at a time. Keeps at least the newest `keep`."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._size = max(1, min(SHARD_SIZE, keep // 4))
        # One shard more than needed: the newest is usually not full.
        self._shards = -(-keep // self._size) + 1
        self._shard: Path | None = None
        self._count = 0

    def keep(self, sender: str, recipients: Sequence[str], raw: bytes) -> str:
        """Keep one mail and return its id. Raises OSError when the disk refuses."""
        try:
            return self._write(self._room(), sender, recipients, raw)
        except FileNotFoundError:  # the outbox was cleared meanwhile
            self._shard = None
            return self._write(self._room(), sender, recipients, raw)

    def _room(self) -> Path:
        """Return the shard that takes the next mail; make a new one when the last is full."""
        if self._shard is None or self._count >= self._size:
            existing = _shards(self._folder)
            number = int(existing[-1].name) + 1 if existing else 1
            self._shard, self._count = self._folder / f"{number:08}", 0
            self._shard.mkdir(parents=True, mode=0o700)
            for old in existing[: max(0, len(existing) + 1 - self._shards)]:
                _remove(old)
        self._count += 1
        return self._shard

    def _write(self, shard: Path, sender: str, recipients: Sequence[str], raw: bytes) -> str:
        mail_id = f"{shard.name}-{time.time_ns():016x}{secrets.token_hex(2)}"
        hidden = shard / f".{mail_id}"
        hidden.write_bytes(raw)
        hidden.rename(shard / f"{mail_id}.eml")
        line = {"id": mail_id, "at": time.time(), "sender": sender, "recipients": list(recipients)}
        line |= {"size": len(raw), **_shown_headers(raw)}
        # One write to a file opened for appending: lines are never mixed.
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        descriptor = os.open(shard / _INDEX, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, text.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
        return mail_id


# --- details --------------------------------------------------------------------------


def _shards(folder: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if _SHARD.fullmatch(name))
    except FileNotFoundError:
        return []
    return [folder / name for name in names]


def _index(shard: Path) -> list[str]:
    """Return the lines of a shard; they are parsed only when they are shown."""
    try:
        lines = (shard / _INDEX).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    return lines[:-1]  # what follows the last break is a line being written


def _remove(shard: Path) -> None:
    """Take a shard out of sight in one step, then delete it."""
    hidden = shard.with_name(f".{shard.name}.{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        shard.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _summary(line: str) -> Summary:
    values = json.loads(line)
    return Summary(
        id=values["id"],
        received=datetime.fromtimestamp(values["at"], UTC),
        sender=values["sender"],
        recipients=tuple(values["recipients"]),
        from_header=values["from"],
        to_header=values["to"],
        subject=values["subject"],
        size=values["size"],
    )


def _fits(line: str, wanted: str) -> bool:
    mail = _summary(line)
    texts = (mail.sender, *mail.recipients, mail.from_header, mail.to_header, mail.subject)
    return any(wanted in text.casefold() for text in texts)


def _shown_headers(raw: bytes) -> dict[str, str]:
    head = BytesHeaderParser().parsebytes(raw)
    return {name: _readable(head.get(name, "")) for name in ("from", "to", "subject")}


def _readable(value: object) -> str:
    """Return a header's value with encoded words read; as it stands if that can't be done."""
    text = " ".join(str(value).split())
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


def _parse(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _take_apart(summary: Summary, raw: bytes) -> Mail:
    # The lenient policy for headers: a mail that is wrong is what people come to look at.
    headers = [(name, _readable(value)) for name, value in message_from_bytes(raw).items()]
    parts = list(_leaves(_parse(raw)))
    return Mail(
        summary=summary,
        headers=headers,
        html=next((_content(part) for part in parts if part.get_content_subtype() == "html"), ""),
        text=next((_content(part) for part in parts if part.get_content_subtype() == "plain"), ""),
        source=raw.decode("utf-8", "replace"),
        raw=raw,
    )


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    for part in message.walk():
        if part.get_content_maintype() == "text" and not part.is_attachment():
            yield part


def _content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:  # a character set that nobody knows
        return data.decode("utf-8", "replace")
