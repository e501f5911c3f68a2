"""A name server on this machine that says what a test wants."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

LONGEST_UDP = 1232  # bytes


@dataclass
class NameServer:
    """Answers questions for TXT records. Change its fields at any time."""

    address: str
    texts: dict[str, list[str]] = field(default_factory=dict)  # name -> records, in zone-file form
    asked: list[str] = field(default_factory=list)
    broken: bool = False  # answers "server failure"
    silent: bool = False

    def answer(self, raw: bytes) -> bytes:
        question = dns.message.from_wire(raw)
        name = question.question[0].name
        self.asked.append(name.to_text(omit_final_dot=True))
        reply = dns.message.make_response(question)
        found = self.texts.get(self.asked[-1])
        if self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif found:
            reply.answer = [dns.rrset.from_text_list(name, 60, "IN", "TXT", found)]
        return reply.to_wire(max_size=LONGEST_UDP)


@contextmanager
def serving() -> Iterator[NameServer]:
    """Run a name server in a thread."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.05)
        server = NameServer(f"127.0.0.1:{listener.getsockname()[1]}")
        stopping = threading.Event()

        def serve() -> None:
            while not stopping.is_set():
                try:
                    raw, client = listener.recvfrom(4096)
                except TimeoutError:
                    continue
                if not server.silent:
                    listener.sendto(server.answer(raw), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        stopping.set()
        thread.join(60)
