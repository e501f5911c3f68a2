"""A mail server that does what a test says: accepts, refuses, defers, drops, hangs.

It keeps its own record of what it accepted, which is what tests judge by. It runs on a thread of
its own, so it goes on while a worker in another process is stopped or killed.
"""

import asyncio
import base64
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

DROP = "drop"  # close the connection in place of an answer
HANG = "hang"  # never answer

# Called with the recipient and the number of times it was asked (from 1); None: accept.
Script = Callable[[str, int], str | None]


@dataclass
class Mail:
    """What arrived."""

    sender: str
    recipient: str
    data: bytes
    at: float
    parameters: str
    rcpt_parameters: str = ""


@dataclass
class Sink:
    """The server. Change its fields at any time."""

    keywords: list[str] = field(
        default_factory=lambda: ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000"]
    )
    greeting: str = "220 sink.example ESMTP"
    on_mail: Script = lambda sender, count: None
    on_rcpt: Script = lambda recipient, count: None
    on_data: Script = lambda recipient, count: None  # instead of 354
    on_body: Script = lambda recipient, count: None
    loses_reply: Script = lambda recipient, count: None  # keeps the mail, then does this
    seconds: float = 0.0  # before each answer to a body
    holds: Callable[[], bool] = lambda: False  # no body is answered as long as this is so
    mails_per_connection: int = 0
    most_connections: int = 0
    user: tuple[str, str] | None = None
    token: str = ""  # an access token for XOAUTH2, in place of a password
    starttls_reply: str = "220 go on"
    breaks_tls: bool = False  # answers STARTTLS, and then does not speak TLS
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    tls_injection: bytes = b""  # sent in plain text behind the answer to STARTTLS
    on_taken: Callable[[int, str], None] = lambda connection, recipient: None
    mails: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    port: int = 0

    # --- for tests ----------------------------------------------------------------------

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"smtp://{host}:{self.port}?tls=none"

    @property
    def recipients(self) -> list[str]:
        return [mail.recipient for mail in self.mails]

    @property
    def doubled(self) -> list[str]:
        """Who got more than one mail."""
        return [who for who, count in Counter(self.recipients).items() if count > 1]

    def wait_for(self, count: int, seconds: float = 120) -> None:
        """Wait until `count` mails were accepted."""
        end = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < end, f"only {len(self.mails)} of {count} mails came"
            time.sleep(0.002)

    def start(self) -> "Sink":
        self._asked: Counter[tuple[str, str]] = Counter()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._main, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(60)
        return self

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(60)
            assert not self._thread.is_alive()

    def restart(self) -> None:
        """Come back on the same port."""
        self.stop()
        self.start()

    # --- the server ---------------------------------------------------------------------

    def _main(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        implicit = self.tls if self.tls and "STARTTLS" not in self.keywords else None
        server = await asyncio.start_server(
            self._connection, self.host, self.port, ssl=implicit, limit=2**20
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopping.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self._writers.add(writer)
        try:
            if self.most_connections and self.open > self.most_connections:
                writer.write(b"421 too many connections\r\n")
            else:
                await _Session(self, reader, writer).run()
        except (_Dropped, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()


class _Dropped(Exception):
    pass


class _Session:
    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.sink, self.reader, self.writer = sink, reader, writer
        self.number = sink.connections
        self.accepted = 0
        self.reset()

    def reset(self) -> None:
        self.sender: str | None = None
        self.recipient: str | None = None
        self.parameters = self.rcpt_parameters = ""

    async def run(self) -> None:
        self.say(self.sink.greeting)
        while True:
            line = (await self.reader.readuntil(b"\r\n")).decode("utf-8", "replace").strip()
            self.sink.commands.append(line)
            verb = line.split(None, 1)[0].upper() if line else ""
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                self.say("500 5.5.1 what?")
            elif await handler(line):
                return

    def say(self, reply: str) -> None:
        self.writer.write(reply.encode() + b"\r\n")

    async def answer(self, script: Script, kind: str, who: str, usual: str) -> bool:
        """Give the scripted answer or the usual one. Returns whether it was the usual one."""
        self.sink._asked[kind, who] += 1
        reply = script(who, self.sink._asked[kind, who])
        if reply == DROP:
            await self.writer.drain()
            self.writer.transport.abort()
            raise _Dropped
        if reply == HANG:
            await self.writer.drain()
            await asyncio.sleep(3600)
        self.say(reply or usual)
        return reply is None

    async def do_ehlo(self, line: str) -> None:
        lines = ["sink.example", *self.sink.keywords]
        if self.sink.user:
            lines.append("AUTH PLAIN LOGIN")
        if self.sink.token:
            lines.append("AUTH XOAUTH2")
        for text in lines[:-1]:
            self.say(f"250-{text}")
        self.say(f"250 {lines[-1]}")

    async def do_helo(self, line: str) -> None:
        self.say("250 sink.example")

    async def do_starttls(self, line: str) -> None:
        self.writer.write(self.sink.starttls_reply.encode() + b"\r\n" + self.sink.tls_injection)
        await self.writer.drain()
        if self.sink.breaks_tls:
            raise _Dropped
        if self.sink.starttls_reply.startswith("220"):
            await self.writer.start_tls(self.sink.tls)

    async def do_auth(self, line: str) -> None:
        _, mechanism, *rest = line.split()
        if mechanism.upper() == "XOAUTH2":
            await self.take_token(base64.b64decode(rest[0]).decode())
            return
        assert self.sink.user
        if mechanism.upper() == "PLAIN":
            given = tuple(base64.b64decode(rest[0]).decode().split("\0")[1:])
        else:
            words = []
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                self.say(prompt)
                words.append(base64.b64decode(await self.reader.readuntil(b"\r\n")).decode())
            given = tuple(words)
        self.say("235 welcome" if given == self.sink.user else "535 5.7.8 wrong password")

    async def take_token(self, given: str) -> None:
        if given.endswith(f"\1auth=Bearer {self.sink.token}\1\1"):
            self.say("235 welcome")
            return
        reason = b'{"status":"401","schemes":"bearer","scope":"https://mail.example.org/"}'
        self.say(f"334 {base64.b64encode(reason).decode()}")
        assert await self.reader.readuntil(b"\r\n") == b"\r\n"
        self.say("535 5.7.8 token not accepted")

    async def do_mail(self, line: str) -> None:
        if self.sender is not None:
            self.say("503 5.5.1 nested MAIL")
            return
        sender, self.parameters = re.fullmatch(r"(?i)MAIL FROM:<(.*?)>(.*)", line).groups()
        if await self.answer(self.sink.on_mail, "mail", sender, "250 2.1.0 ok"):
            self.sender = sender

    async def do_rcpt(self, line: str) -> None:
        if self.sender is None:
            self.say("503 5.5.1 need MAIL")
            return
        recipient, parameters = re.fullmatch(r"(?i)RCPT TO:<(.*?)>(.*)", line).groups()
        if await self.answer(self.sink.on_rcpt, "rcpt", recipient, "250 2.1.5 ok"):
            self.recipient, self.rcpt_parameters = recipient, parameters

    async def do_data(self, line: str) -> None:
        if self.recipient is None:
            self.say("554 5.5.1 no valid recipients")
            return
        if not await self.answer(self.sink.on_data, "data", self.recipient, "354 go on"):
            return
        data = await self.body()
        if self.sink.seconds:
            await asyncio.sleep(self.sink.seconds)
        while self.sink.holds():
            await asyncio.sleep(0.005)
        recipient, sink = self.recipient, self.sink
        more = (self.parameters, self.rcpt_parameters)
        mail = Mail(self.sender, recipient, data, time.time(), *more)
        self.reset()
        sink._asked["body", recipient] += 1
        reply = sink.on_body(recipient, sink._asked["body", recipient])
        if reply is None:
            sink.mails.append(mail)
            sink.on_taken(self.number, recipient)
            reply = sink.loses_reply(recipient, sink._asked["body", recipient])
        await self.answer(lambda who, count: reply, "end", recipient, "250 2.0.0 queued")
        self.accepted += 1
        if sink.mails_per_connection and self.accepted >= sink.mails_per_connection:
            await self.writer.drain()
            raise _Dropped

    async def body(self) -> bytes:
        lines = []
        while (line := await self.reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    async def do_rset(self, line: str) -> None:
        self.reset()
        self.say("250 2.0.0 ok")

    async def do_quit(self, line: str) -> bool:
        self.say("221 2.0.0 bye")
        await self.writer.drain()
        return True
