"""What state, hints and payloads on a server have in common."""

from collections.abc import Mapping, Sequence
from typing import Self, cast

import msgspec

from htcgrid.interfaces import Concern, Provided, Source
from htcgrid_redis.health import concerns
from htcgrid_redis.keys import Layout
from htcgrid_redis.server import Server
from htcgrid_redis.settings import RedisSettings


class Served(Provided):
    """Stands on a server, under the keys of one grid; all that it holds are connections."""

    Settings = RedisSettings

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._server = Server(settings)
        self._layout = Layout(settings.name, settings.parts)

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:  # noqa: ARG003 - it stands in no folder
        """Return what stands on the server of the settings."""
        return cls(cast("RedisSettings", settings))

    def concerns(self) -> Sequence[Concern]:
        settings = self._settings
        return concerns(self._server, waits_for_replicas=bool(settings.replicas), is_cluster=settings.cluster)

    def usage(self) -> Mapping[str, float]:
        return self._server.usage()

    def close(self) -> None:
        """Close the connections; who waits is told that the server cannot be reached."""
        self._server.close()
