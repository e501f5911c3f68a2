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
    crashed: list[str] = field(default_factory=list)  # in doubt, since the journal was lost too
    may_be_crashed: int = 0
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
        is_in_bounds = (
            len(self.in_doubt) <= self.may_be_in_doubt and len(self.crashed) <= self.may_be_crashed
        )
        return is_in_bounds and not wrong

    @property
    def reasons(self) -> list[str]:
        """Why each is in doubt, without the name."""
        return [who.partition(": ")[2] for who in [*self.in_doubt, *self.crashed]]

    def __str__(self) -> str:
        balance = "sum balanced" if not self.unbalanced else f"SUM WRONG: {self.unbalanced}"
        crashed = ""
        if self.crashed or self.may_be_crashed:
            both = "where a worker and PostgreSQL were lost together"
            crashed = f" and {len(self.crashed)} {both} (at most {self.may_be_crashed})"
        return (
            f"missed {len(self.missed)}, twice {len(self.twice)}, "
            f"in doubt {len(self.in_doubt)} (at most {self.may_be_in_doubt}){crashed}, {balance}"
        )


@dataclass(frozen=True)
class Allowed:
    """What the troubles of a trial allow."""

    open_at_kills: int = 0  # connections open at each kill, added up
    beside_crashes: int = 0  # people whose worker and journal were lost together (crashes.py)
    crashed: str | None = None  # the reason that our tables give for those


def judge(
    audience: Collection[str],
    outcomes: Mapping[str, tuple[str, str]],
    lines: Iterable[Line],
    sums: Mapping[str, int],
    *,
    allowed: Allowed,
    may_skip: Collection[str] = (),
) -> Verdict:
    """Compare.

    In doubt may be two for each connection that was open at a kill, and one for each that the
    server itself cut between the beginning of a body and its answer.
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
    verdict.may_be_in_doubt = 2 * allowed.open_at_kills + verdict.cut
    verdict.may_be_crashed = allowed.beside_crashes
    verdict.in_record, verdict.refused = mails.total(), len(refused)
    verdict.twice = sorted(who for who, count in mails.items() if count > 1)
    verdict.false = sorted(f"{who}: not in the audience" for who in mails.keys() - set(audience))
    for who in audience:
        outcome = outcomes.get(who, ("pending", ""))
        if outcome[0] == "in_doubt":
            is_crashed = outcome[1] == allowed.crashed
            (verdict.crashed if is_crashed else verdict.in_doubt).append(f"{who}: {outcome[1]}")
            verdict.in_doubt_with_mail += mails[who] > 0
        else:
            _one(verdict, who, outcome, mails[who], refused, may_skip)
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
