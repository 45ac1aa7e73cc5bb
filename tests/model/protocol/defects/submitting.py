"""Submissions that are recorded in another way."""

from tests.model.protocol.records import Bundle, Header
from tests.model.protocol.rules import Rules


class BlindCreate(Rules):
    """A repeated submit overwrites the bundles that are there."""

    def recorded(self, known: Bundle | None, bundle: Bundle) -> Bundle:
        """What is written last counts."""
        return bundle


class NotRecognisedByDigest(Rules):
    """A bundle that is there passes for the one that is submitted, whatever it holds."""

    def matches(self, known: Bundle, content: int) -> bool:
        """A name is enough."""
        return True


class TotalByIncrement(Rules):
    """A header's total grows by the number of tasks that are added."""

    def raised(self, total: int, stop: int, added: int) -> int:
        """Each call adds its own."""
        return total + added


class RepetitionRefused(Rules):
    """A session that is sealed refuses what it holds."""

    def is_there(self, header: Header, stop: int) -> bool:
        """It takes no more."""
        return False


class RecordsInAnyOrder(Rules):
    """The bundles of a call are recorded as it comes."""

    records_in_order = False


class HeaderBeforeRecords(Rules):
    """A total is raised before the bundles below it are recorded."""

    writes = ("inputs", "header", "records", "hints")


class InputsLast(Rules):
    """Payloads are put once the session is recorded."""

    writes = ("records", "header", "inputs", "hints")
