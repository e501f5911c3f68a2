"""The judgement: the mail server's record against our tables. Pure.

The record decides. Our tables are believed only where they can't say what the record denies.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tests.chaos import record
from tests.chaos.moods import DOUBTFUL
from tests.chaos.record import Line

_ENDS = ("sent", "failed", "skipped", "in_doubt")


@dataclass
class Verdict:
    """What was found, each as addresses, so that every single one can be looked up."""

    missed: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    may_be_in_doubt: int = 0
    cut: int = 0  # connections that the server cut between a body and its answer
    false: list[str] = field(default_factory=list)  # outcomes that the record denies
    rude: int = 0  # things that the server had not offered
    unbalanced: str = ""  # empty: the sum balances
    in_record: int = 0
    refused: int = 0
    deferred: int = 0
    in_doubt_with_mail: int = 0
    silence: float = 0.0  # seconds, the longest between two mails

    @property
    def is_good(self) -> bool:
        """Whether everything is as promised."""
        wrong = self.missed or self.twice or self.false or self.rude or self.unbalanced
        return not wrong and len(self.in_doubt) <= self.may_be_in_doubt

    @property
    def reasons(self) -> list[str]:
        """Why each is in doubt, without the name."""
        return [who.partition(": ")[2] for who in self.in_doubt]

    def __str__(self) -> str:
        balance = "sum balanced" if not self.unbalanced else f"SUM WRONG: {self.unbalanced}"
        return (
            f"missed {len(self.missed)}, twice {len(self.twice)}, "
            f"in doubt {len(self.in_doubt)} (at most {self.may_be_in_doubt}), {balance}"
        )


def judge(
    audience: Collection[str],
    outcomes: Mapping[str, tuple[str, str]],
    lines: Iterable[Line],
    sums: Mapping[str, int],
    *,
    open_at_kills: int,
    may_skip: Collection[str] = (),
) -> Verdict:
    """Compare. `open_at_kills` is the number of connections open at each kill, added up.

    In doubt may be two for each of these, and one for each connection that the server itself cut
    between the beginning of a body and its answer.
    """
    verdict = Verdict()
    mails: Counter[str] = Counter()
    refused = set()
    last_at = float("inf")
    for line in lines:
        if line.what in record.MAILS:
            mails[line.recipient] += 1
            verdict.silence = max(verdict.silence, line.at - last_at)
            last_at = line.at
        elif line.what == record.REFUSED:
            refused.add(line.recipient)
        elif line.what == record.DROPPED and line.detail in DOUBTFUL:
            verdict.cut += 1
        verdict.deferred += line.what == record.DEFERRED
        verdict.rude += line.what == record.RUDE
    verdict.may_be_in_doubt = 2 * open_at_kills + verdict.cut
    verdict.in_record, verdict.refused = mails.total(), len(refused)
    verdict.twice = sorted(who for who, count in mails.items() if count > 1)
    verdict.false = sorted(f"{who}: not in the audience" for who in mails.keys() - set(audience))
    for who in audience:
        _one(verdict, who, outcomes.get(who, ("pending", "")), mails[who], refused, may_skip)
    verdict.unbalanced = _balance(len(audience), sums, outcomes)
    return verdict


def _one(
    verdict: Verdict,
    who: str,
    outcome: tuple[str, str],
    mails: int,
    refused: Collection[str],
    may_skip: Collection[str],
) -> None:
    status, reason = outcome
    if status == "in_doubt":
        verdict.in_doubt.append(f"{who}: {reason}")
        verdict.in_doubt_with_mail += mails > 0
        return
    is_true = {
        "sent": mails > 0,
        "failed": who in refused and not mails,
        "skipped": who in may_skip and not mails,
        "pending": not mails,
    }[status]
    if not is_true:
        verdict.false.append(f"{who}: said to be {status} ({reason}), mails {mails}")
    if not mails and status in ("sent", "pending"):
        verdict.missed.append(f"{who}: {status}")


def _balance(
    audience: int, sums: Mapping[str, int], outcomes: Mapping[str, tuple[str, str]]
) -> str:
    total = sum(sums[name] for name in (*_ENDS, "pending"))
    if not sums["audience"] == total == audience:
        return f"audience {audience}, {dict(sums)}"
    counted = Counter(status for status, _ in outcomes.values())
    for name in _ENDS:
        if not sums[name] == sums[f"{name} rows"] == counted[name]:
            return (
                f"{name}: {sums[name]} counted, {sums[f'{name} rows']} rows, {counted[name]} people"
            )
    return ""
