"""What users write in grid.toml."""

from pathlib import Path

import msgspec

from htcgrid.interfaces import Source


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of ``[queue]`` and of ``[payloads]``; both tables may name the same folder."""

    #: The shared folder, under the same path on every machine or not; it is made when it is not there.
    path: str
    #: After so many seconds a hint that was received and not acknowledged can be received again.
    visibility: float = 30.0

    def __post_init__(self) -> None:
        # The user is told the file, the table and this.
        if not self.path.strip():
            raise ValueError("`path` must name a folder")
        if not 0 < self.visibility <= 86_400:
            raise ValueError(f"`visibility` must be more than 0 and at most 86400 seconds, not {self.visibility}")

    def folder(self, source: Source) -> Path:
        """Return the shared folder; a relative path starts where grid.toml stands."""
        return (source.folder / Path(self.path).expanduser()).absolute()
