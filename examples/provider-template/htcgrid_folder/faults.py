"""The errors of the service as those of htcgrid, all in one place: the type says whether to try again."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from htcgrid.errors import ProviderError, ProviderUnavailableError

#: A disk may be freed, and a file server may come back.
_PASSING = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EDQUOT,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOSPC,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Let no error of the file system out but as one of htcgrid's that names the folder."""
    try:
        yield
    except OSError as error:
        message = f"{folder}: {error.strerror or error}"
        if error.errno in _PASSING:
            raise ProviderUnavailableError(f"{message}; try again") from error
        raise ProviderError(f"{message}; look at that folder and its file system") from error
