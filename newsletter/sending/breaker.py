"""One refused recipient, or a server that refuses everybody? Pure.

A refusal that says nothing about the address itself is held back until the server accepts
something again; then it counts against its recipient. When refusals come one after the other
without end, it is the server's trouble or ours ("relay access denied", a quota, a block): the
mails go back to waiting, and the campaign waits, visibly. Nothing is dropped.
"""

from collections.abc import Callable

from newsletter.sending.replies import Verdict
from newsletter.sending.smtp import Outcome

IN_A_ROW = 20  # refusals before the server is said to refuse everybody


class Breaker:
    """Refusals since the last acceptance."""

    def __init__(self) -> None:
        self._held: list[Outcome] = []
        self._returned = 0
        self.reason = ""  # why it opened; empty while it is closed
        self.refusal = ""  # what the server has against us, if nothing was accepted since

    @property
    def count(self) -> int:
        """How many refusals are held back."""
        return len(self._held)

    def holds_back(self, outcome: Outcome) -> bool:
        """Take a mail that was not accepted. Returns whether it is held back; else it counts."""
        verdict, reply = outcome.verdict, outcome.reply
        if verdict is Verdict.IN_DOUBT or not reply.code:
            return False
        is_held = verdict is not Verdict.RETURNED
        if is_held and reply.is_about_the_address:
            return False
        if is_held:
            self._held.append(outcome)
        else:
            self._returned += 1
            self.refusal = f"The mail server refuses our mail: {reply.without_addresses}"
        if len(self._held) + self._returned >= IN_A_ROW:
            self.reason = f"The mail server refuses everybody: {reply.without_addresses}"
        return is_held

    def accepted(self) -> list[Outcome]:
        """Take note that the server accepted a mail. Returns the refusals that count now."""
        self._returned = 0
        self.refusal = ""
        return self.take() if self._held else []

    def forget(self, is_gone: Callable[[Outcome], bool]) -> None:
        """Drop refusals that are no longer ours to count."""
        self._held = [outcome for outcome in self._held if not is_gone(outcome)]

    def take(self) -> list[Outcome]:
        """Return what was held back, once."""
        held, self._held = self._held, []
        return held
