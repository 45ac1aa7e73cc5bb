"""Enums and dataclasses by the names under which both sides import them."""

import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from importlib import import_module
from typing import Any

from htcgrid.errors import EncodingError
from htcgrid.model.error_text import said
from htcgrid.model.script import MAIN, MAIN_TOO

#: How many folders a message names.
_FOLDERS = 5


class Classes:
    """Finds classes by name, and names by class.

    Only Enums and dataclasses are found: their members and fields travel, and no code of the bytes' choosing runs, but
    for what importing a module does.
    """

    def __init__(
        self,
        *,
        importing: bool = True,
        allow: Callable[[str], bool] | None = None,
        load_main: Callable[[], object] | None = None,
        folders: tuple[str, ...] = (),
    ) -> None:
        """Make a finder.

        Args:
            importing: whether modules that are not imported yet may be.
            allow: told ``module:qualname``, whether that class may be found here; all may when left out.
            load_main: returns the module that stands for the client's script; ``sys.modules`` has it when left out.
            folders: where the other side imports from, for messages.
        """
        self._importing = importing
        self._allow = allow
        self._load_main = load_main
        self._folders = folders

    def name_of(self, cls: type) -> tuple[str, str]:
        """Return module and qualified name.

        Raises:
            TypeError: the name does not lead to this class; the message has the reason.
        """
        name = cls.__qualname__
        if "<locals>" in name:
            raise TypeError("its class is defined inside a function: define it at the top of a module")
        module = self._module_name(cls.__module__)
        try:
            # What is there now: nothing is imported in order to be named.
            found = _walked(self._main() if module == MAIN else sys.modules[cls.__module__], name)
        except (AttributeError, KeyError):
            found = None
        if found is not cls:
            raise TypeError(f"its class is not what {cls.__module__}.{name} names now: was it reloaded or replaced?")
        return module, name

    def find(self, module: str, name: str) -> type[Any]:
        """Return the Enum or dataclass of this name.

        Raises:
            EncodingError: there is none here; the message says where was looked.
        """
        if self._allow is not None and not self._allow(f"{module}:{name}"):
            raise EncodingError(f"class {name} of module {module!r} is not among the classes that are allowed here")
        try:
            found = _walked(self._module(module), name)
        except EncodingError:
            raise
        except AttributeError:
            raise EncodingError(self._missing(module, name, "the module has no such class")) from None
        except (Exception, SystemExit) as error:  # importing runs the module's own code
            raise EncodingError(self._missing(module, name, said(error))) from error
        if not isinstance(found, type) or not (issubclass(found, Enum) or is_dataclass(found)):
            raise EncodingError(f"{name} of module {module!r} is neither an Enum nor a dataclass here")
        # Senders name a class by where it is defined; a script's may be known by another name here.
        own = module in {MAIN, MAIN_TOO} or found.__module__ == module
        if found.__qualname__ != name or not own:
            raise EncodingError(
                f"{name} of module {module!r} is {found.__qualname__!r} of module {found.__module__!r} here, and found "
                "by that name only"
            )
        return found

    def _module_name(self, name: str) -> str:
        module = sys.modules.get(name)
        return MAIN if name in {MAIN, MAIN_TOO} or (module and module is sys.modules.get(MAIN)) else name

    def _main(self) -> object:
        return self._load_main() if self._load_main is not None else sys.modules[MAIN]

    def _module(self, name: str) -> object:
        if name in {MAIN, MAIN_TOO}:
            return self._main()
        if name in sys.modules:
            return sys.modules[name]
        if not self._importing:
            raise ImportError("it is not imported, and for a session of others nothing is: import it first")
        return import_module(name)

    def _missing(self, module: str, name: str, reason: str) -> str:
        text = f"class {name} of module {module!r} cannot be found here: {reason}"
        if module in {MAIN, MAIN_TOO}:
            # It is not looked for on any path.
            return text
        text += f"; this side imports from {_listed([folder or '.' for folder in sys.path])}"
        return text + (f"; the other side from {_listed(list(self._folders))}" if self._folders else "")


def _walked(module: object, name: str) -> Any:
    """Return what stands under a name, in the module and the classes on the way; none of them is asked to make it."""
    found: Any = module
    for part in name.split("."):
        if part.startswith("__") or part not in vars(found):
            raise AttributeError(part)
        found = vars(found)[part]
    return found


def _listed(folders: list[str]) -> str:
    return ", ".join(folders[:_FOLDERS]) + (" …" if len(folders) > _FOLDERS else "")
