"""A mail on its way through a conversation, and what became of it. Pure."""

from typing import NamedTuple

from newsletter.sending.envelope import Mail
from newsletter.sending.refusals import Stage
from newsletter.sending.replies import Reply, Verdict


class Message:
    """One mail on its way through a conversation."""

    __slots__ = ("invited", "mail", "problem", "released", "started", "withdrawn")

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self.released = False  # the journal has it
        self.withdrawn = False  # the journal refused it: its body must not go out
        self.started = False  # its first command was said
        self.invited = False  # the server said 354
        self.problem: tuple[Verdict, Reply, Stage] | None = None

    def reset(self) -> None:
        """Make it a new message, for one more connection."""
        self.released = self.withdrawn = self.started = self.invited = False
        self.problem = None


class Outcome(NamedTuple):
    """The end of one message in one conversation."""

    message: Message
    verdict: Verdict
    reply: Reply
    stage: Stage = Stage.CONNECT  # what `reply` answered
