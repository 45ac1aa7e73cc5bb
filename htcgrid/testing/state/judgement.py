"""Whether a history is one that a state store may have: every rule of the interface that it breaks, in words.

Only real time counts: a call is before another when it had come back before that one began, and of two that overlap
either may have taken effect first (Herlihy and Wing, "Linearizability", 1990). So a store that keeps the rules is never
blamed, however its threads ran.
"""

from itertools import islice

from htcgrid.testing.state import lease_rules, outcome_rules
from htcgrid.testing.state.evidence import Evidence
from htcgrid.testing.state.history import History

_RULES = (
    lease_rules.attempts,
    lease_rules.takeovers,
    lease_rules.fences,
    lease_rules.carving,
    lease_rules.places,
    outcome_rules.acceptance,
    outcome_rules.log,
    outcome_rules.counts,
    outcome_rules.readers,
    outcome_rules.cancels,
)
#: As many examples of one broken rule are enough for people.
_EXAMPLES = 3


def violations(history: History) -> list[str]:
    """Return what the history shows to be wrong, each in a sentence; nothing when no rule is broken.

    Of each rule a few examples are returned.
    """
    evidence = Evidence(history)
    return [violation for rule in _RULES for violation in islice(rule(evidence), _EXAMPLES)]
