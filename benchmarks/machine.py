"""What the numbers were measured on."""

import os
import platform
import re
from pathlib import Path


def described() -> str:
    """Return the processor, its cores, the memory, Python and the kernel, on one line."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = (
        _processor(),
        f"{os.cpu_count()} cores",
        f"{gibibytes:.0f} GiB of memory",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"{platform.system()} {platform.release().split('-')[0]}",
    )
    return ", ".join(parts)


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", facts.read_text(), re.MULTILINE) if facts.exists() else None
    return found[1] if found else platform.machine()
