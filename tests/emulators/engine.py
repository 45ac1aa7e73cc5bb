"""Whether a Docker engine answers, so that services can be containers."""

import shutil
import subprocess
from functools import cache


@cache
def engine_answers() -> bool:
    """Return whether there is a Docker engine here."""
    if shutil.which("docker") is None:
        return False
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0 and bool(ran.stdout.strip())
