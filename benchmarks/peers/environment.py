"""The environments of the peers, each its own, built from its own lock in build/peers."""

import hashlib
import subprocess
import sys
from pathlib import Path

_ENVIRONMENTS = Path(__file__).parents[2] / "build" / "peers"
_SECONDS = 900


class NotInstalledError(Exception):
    """An environment cannot be had on this machine."""


def interpreter(folder: Path, environments: Path = _ENVIRONMENTS) -> Path:
    """Return the Python of the environment that a folder's ``requirements.txt`` describes; build it if it is not there.

    Raises:
        NotInstalledError: it cannot be built; the message says why.
    """
    lock = folder / "requirements.txt"
    environment = environments.resolve() / folder.name
    python = environment / "bin" / "python"
    stamp = environment / "lock.stamp"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(environment)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "--requirement", str(lock)])
    stamp.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        said = [line for line in (error.stderr or error.stdout).splitlines() if line.strip()]
        raise NotInstalledError(said[-1] if said else f"exit code {error.returncode}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
