"""Names that users choose: of sessions, pools and agents."""

import re

from htcgrid.errors import ConfigError
from htcgrid.model.spelled import spelled

#: They stand in keys, paths and URLs of every provider, so they are kept plain.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def is_name(name: object) -> bool:
    """Return whether something is a name that would do in a key."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check_name(what: str, name: object) -> None:
    """Refuse a name that would not do in a key.

    Raises:
        ConfigError: it is no string of 1 to 80 plain letters; the message names ``what`` it is to be the name of.
    """
    if not is_name(name):
        raise ConfigError(
            f"{what} {spelled(name)} is not usable: 1 to 80 letters, digits, '.', '_' or '-', the first a letter or a "
            "digit"
        )
