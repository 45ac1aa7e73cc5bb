"""What a history must show of outcomes, the log, counts, readers and cancels."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from htcgrid.model import BundleKey, Entry, Ranges
from htcgrid.testing.state.evidence import Evidence, shown, union
from htcgrid.testing.state.history import (
    AddCall,
    Call,
    CancelCall,
    ClaimCall,
    CommitCall,
    GiveBackCall,
    OutcomesCall,
    RenewCall,
    StatusCall,
)

#: What is recorded of a task: its bundle, how it ended, and the digest of the pack with its outcome.
Outcome = tuple[BundleKey, str, str]


def acceptance(evidence: Evidence) -> Iterator[str]:
    """Yield tasks that were accepted more than once, and answers that are not about the tasks of their commit."""
    twice = _repeated(index for one in evidence.answered for index in one.answer.accepted)
    if twice:
        yield f"tasks were accepted more than once: {shown(twice)}"
    for one in evidence.answered:
        accepted, refused = one.answer.accepted, one.answer.refused
        if accepted & refused or (accepted | refused) != one.asked:
            yield (
                f"bundle {one.key}: a commit of the tasks {shown(one.asked)} was answered with {shown(accepted)} as "
                f"accepted and {shown(refused)} as refused"
            )


def log(evidence: Evidence) -> Iterator[str]:
    """Yield where the log is not exactly what was accepted."""
    listed = list(_outcomes(evidence.history.entries))
    if twice := _repeated(index for index, _ in listed):
        yield f"tasks are in the log more than once: {shown(twice)}"
    found, told = dict(listed), dict[int, Outcome]()
    for one in evidence.answered:
        for index in one.answer.accepted:
            kind = "failed" if index in one.failed else "succeeded"
            told[index] = (one.key, kind, one.commit.pack.digest)
    if lost := set(told) - set(found):
        yield f"tasks were accepted and are not in the log: {shown(lost)}"
    if invented := set(found) - set(told):
        yield f"tasks are in the log and were never accepted: {shown(invented)}"
    if other := {index for index in set(found) & set(told) if found[index] != told[index]}:
        yield f"tasks have another bundle, outcome or pack in the log than in their commit: {shown(other)}"


def counts(evidence: Evidence) -> Iterator[str]:
    """Yield counts that are not those of the log, or that no moment of the call had."""
    status = evidence.history.status
    bundles = [bundle for call in evidence.calls(AddCall) if call.taken for bundle in call.bundles]
    total = max((bundle.stop for bundle in bundles), default=0)
    succeeded, failed = _logged(evidence)
    cancelled = total - succeeded - failed if evidence.calls(CancelCall) else 0
    told = (status.total, status.succeeded, status.failed, status.cancelled)
    if told != (total, succeeded, failed, cancelled):
        yield (
            "the status counts {} tasks, {} succeeded, {} failed and {} cancelled; ".format(*told)
            + f"there are {total}, {succeeded}, {failed} and {cancelled}"
        )
    for call in evidence.calls(StatusCall):
        least = sum(period.ended < call.period.began for period in evidence.accepted.values())
        most = sum(period.began <= call.period.ended for period in evidence.accepted.values())
        if not least <= call.status.succeeded + call.status.failed <= most:
            yield (
                f"a status counted {call.status.succeeded} succeeded and {call.status.failed} failed, when {least} to "
                f"{most} tasks had ended"
            )


def readers(evidence: Evidence) -> Iterator[str]:
    """Yield readers that did not see each outcome once, those of a bundle in the order of the log."""
    read: dict[int, list[Entry]] = defaultdict(list)
    for call in evidence.calls(OutcomesCall):
        read[call.reader] += call.entries
    logged = {index for index, _ in _outcomes(evidence.history.entries)}
    for reader, entries in read.items():
        seen = [index for index, _ in _outcomes(entries)]
        if twice := _repeated(seen):
            yield f"reader {reader} saw tasks more than once: {shown(twice)}"
        if missed := logged - set(seen):
            yield f"reader {reader} did not see tasks: {shown(missed)}"
        if not twice and not missed and _shares(entries) != _shares(evidence.history.entries):
            yield f"reader {reader} saw something else than the log, or in another order"


def cancels(evidence: Evidence) -> Iterator[str]:
    """Yield cancels that counted something else, and what took effect after the first of them had come back."""
    found = evidence.calls(CancelCall)
    if not found:
        return
    first = min(found, key=lambda call: call.period.ended)
    adds = [call for call in evidence.calls(AddCall) if call.taken and not first.before(call)]
    known = {bundle.key for call in adds for bundle in call.bundles}
    for call in evidence.calls(Call):
        if first.before(call) and (effect := _effect(call, known)):
            yield f"after a cancel had come back, {effect}"
    told, logged = {(call.counts.succeeded, call.counts.failed) for call in found}, _logged(evidence)
    for succeeded, failed in told - {logged}:
        yield f"a cancel counted {succeeded} succeeded and {failed} failed; in the log are {logged[0]} and {logged[1]}"
    most = max(call.counts.cancelled for call in found)
    if most != evidence.history.status.cancelled:
        yield f"a cancel counted {most} cancelled, and the status {evidence.history.status.cancelled}"


def _effect(call: Call, known: set[BundleKey]) -> str:
    """Return what a call brought about; nothing when it had no effect, as to add what is known."""
    match call:
        case AddCall(bundles=bundles, taken=True) if any(bundle.key not in known for bundle in bundles):
            return f"bundles were added: {_names(bundle.key for bundle in bundles)}"
        case ClaimCall(won=won) if won:
            return f"bundles were claimed: {_names(claim.key for claim in won)}"
        case RenewCall(kept=kept) if kept:
            return f"leases were renewed: {_names(lease.key for lease in kept)}"
        case CommitCall(answers=answers) if accepted := union(answer.accepted for answer in answers):
            return f"outcomes were accepted: {shown(accepted)}"
        case GiveBackCall(lease=lease, given=given) if given is not None:
            return f"a bundle was given back: {lease.key}"
    return ""


def _logged(evidence: Evidence) -> tuple[int, int]:
    parts = [part for entry in evidence.history.entries for part in entry.parts]
    return sum(part.succeeded.count for part in parts), sum(part.failed.count for part in parts)


def _outcomes(entries: Iterable[Entry]) -> Iterator[tuple[int, Outcome]]:
    """Yield each task that entries list, as often as they do."""
    for part in (part for entry in entries for part in entry.parts):
        yield from ((index, (part.key, "succeeded", part.pack.digest)) for index in part.succeeded)
        yield from ((index, (part.key, "failed", part.pack.digest)) for index in part.failed)


def _shares(entries: Iterable[Entry]) -> dict[BundleKey, list[tuple[Ranges, Ranges]]]:
    """Return the outcomes of each bundle in order, which is the same however many logs there are."""
    shares: dict[BundleKey, list[tuple[Ranges, Ranges]]] = defaultdict(list)
    for part in (part for entry in entries for part in entry.parts):
        shares[part.key].append((part.succeeded, part.failed))
    return shares


def _repeated(indexes: Iterable[int]) -> set[int]:
    return {index for index, count in Counter(indexes).items() if count > 1}


def _names(keys: Iterable[BundleKey]) -> str:
    return ", ".join(map(str, keys))
