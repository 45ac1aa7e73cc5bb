"""The settings of the local provider, and what stands where in the grid's folder."""

from datetime import timedelta
from pathlib import Path

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.interfaces import Source
from htcgrid.model import defaults

#: How long a call waits for other processes' writes before it says that the grid is busy.
PATIENCE = timedelta(seconds=10)


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of keys for all four tables, since a table that is left out takes those of ``[state]``."""

    #: The grid's folder; it is made when it is not there.
    path: str
    #: How long to wait for other processes' writes: seconds.
    patience: float = PATIENCE.total_seconds()
    #: Workers of each agent that is started; the agent's own setting when left out.
    workers: int | None = None
    #: Whether agents that this process starts end with it.
    lifeline: bool = False
    #: How long such agents may go on when this process closes its grid, before they are killed: seconds.
    grace: float = defaults.GRACE.total_seconds()

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise ValueError("`path` must name a folder")
        if self.workers is not None and not 1 <= self.workers <= 1024:
            raise ValueError(f"`workers` must be from 1 to 1024, not {self.workers}")
        if not 0 < self.patience <= 3600 or not 0 <= self.grace <= 86_400:
            raise ValueError("`patience` must be more than 0 and at most 3600, `grace` from 0 to 86400 seconds")

    def folder(self, source: Source) -> Path:
        """Return the grid's folder; a relative path starts where grid.toml stands."""
        return (source.folder / Path(self.path).expanduser()).absolute()


def make_folder(folder: Path) -> Path:
    """Make ``folder`` if it is not there, with those above it, and return it.

    Raises:
        ConfigError: it cannot be made, or something else has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"the grid's folder {folder} cannot be made: {reason}; name another folder as 'path'"
        ) from error
    return folder
