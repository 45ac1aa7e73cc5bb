"""The descriptors 0, 1 and 2 of a worker."""

import os

_OUTPUTS = (1, 2)


class Descriptors:
    """Has duplicates of a worker's standard descriptors, by which they are made what they were."""

    def __init__(self) -> None:
        self._spare = {number: os.dup(number) for number in (0, *_OUTPUTS)}
        # Looked up once: handlers may leave these patched.
        self._fstat, self._dup2 = os.fstat, os.dup2
        self._get_blocking, self._set_blocking = os.get_blocking, os.set_blocking
        self._files = {number: self._file(number) for number in self._spare}
        self._blocking = {number: os.get_blocking(number) for number in _OUTPUTS}

    def keep(self) -> None:
        """Take the files that are open now for those that are to be open; which are closed, are opened again."""
        for number, spare in self._spare.items():
            file = self._file(number)
            if file is not None and file != self._files[number]:
                self._dup2(number, spare, inheritable=False)
                self._files[number] = file
        self._blocking = {number: self._get_blocking(self._spare[number]) for number in _OUTPUTS}
        self.restore()

    def restore(self) -> None:
        """Let each be the file that it was, and let none fail instead of waiting."""
        for number, file in self._files.items():
            if self._file(number) != file:
                self._dup2(self._spare[number], number)
        for number, blocking in self._blocking.items():
            # Whoever has a duplicate shares it.
            if self._get_blocking(number) is not blocking:
                self._set_blocking(number, blocking)

    def _file(self, number: int) -> tuple[int, int] | None:
        """Return what tells a file from others; None when there is none."""
        try:
            status = self._fstat(number)
        except OSError:
            return None
        return status.st_dev, status.st_ino
