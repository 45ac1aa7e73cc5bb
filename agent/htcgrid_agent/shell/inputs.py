"""The payloads of the bundles that an agent holds."""


class Inputs:
    """Payloads by the nonce of a lease; written by the threads that claim and load, read by the loop."""

    def __init__(self) -> None:
        self._packs: dict[str, tuple[int, list[bytes]]] = {}

    def keep(self, nonce: str, first: int, payloads: list[bytes]) -> None:
        """Keep the payloads of the tasks from ``first`` on."""
        self._packs[nonce] = (first, payloads)

    def cut(self, nonce: str, start: int, stop: int) -> list[bytes]:
        """Return the payloads of tasks ``start`` to ``stop - 1``."""
        first, payloads = self._packs[nonce]
        return payloads[start - first : stop - first]

    def forget(self, nonce: str) -> None:
        """Free the payloads under this nonce, if there are any."""
        self._packs.pop(nonce, None)
