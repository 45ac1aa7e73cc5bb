"""Give-backs that carve in another way."""

from tests.model.protocol.records import Bundle
from tests.model.protocol.rules import Rules


class GiveBackWithoutTheFence(Rules):
    """A lease that lapsed gives back as well."""

    def may_give_back(self, bundle: Bundle, attempt: int) -> bool:
        """The state is enough."""
        return bool(bundle.running)


class ChildLostBetweenTwoWrites(Rules):
    """A parent is shrunk before its child is written."""

    carves_at_once = False


class ChildNamedLikeItsParent(Rules):
    """A child has its parent's birth."""

    def birth(self, bundle: Bundle, attempt: int) -> tuple[int, ...]:
        """A start is name enough."""
        return bundle.birth


class CarvedAsAsked(Rules):
    """What is given back is what was asked for, in the bundle or not."""

    def carved(self, bundle: Bundle, part: int) -> int:
        """The agent knows what it holds."""
        return part


class TriesForgotten(Rules):
    """What is given back starts with no tries."""

    def tries(self, known: int, told: int) -> int:
        """Tries are the agent's."""
        return 0
