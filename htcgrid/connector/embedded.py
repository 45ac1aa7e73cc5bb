"""The grid that needs nothing: a folder, an agent under this process, and an end with it."""

import json
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from htcgrid.config import Config, parse_config, read_config
from htcgrid.connector.handler_output import HandlerOutput
from htcgrid.connector.search_path import search_path
from htcgrid.connector.starts import Starts
from htcgrid.errors import ConfigError, HtcGridError
from htcgrid.host import RealHost
from htcgrid.interfaces import ComputeBackend
from htcgrid.model import Pool, defaults
from htcgrid.model.client_process import ClientProcess
from htcgrid.model.codec.leaves import has_encoding
from htcgrid.model.script import script_home
from htcgrid.temporary import TemporaryFolder, remove_abandoned

#: How long modules' teardown() may take in a temporary folder: seconds.
_TEARDOWN = 5.0
#: Whether what handlers print is shown, or whether all of it is on stderr.
Shown = bool | Literal["stderr"]


class EmbeddedGrid:
    """Runs agents of the ``local`` provider while it is open; they end with this process, however that ends.

    In a folder of the caller's, sessions outlive it: the next grid on the same folder goes on with them. Without one
    everything is in a temporary folder that goes with it.
    """

    #: Seconds between looks at the agent.
    _PAUSE = 0.3

    def __init__(self, folder: Path | None, workers: int | None, output: Shown = True) -> None:
        #: From where its workers import modules, beside what this process adds later.
        self.search_path = search_path()
        # The file has what TOML can hold, for agents of others; this process's own are told all of it.
        path = [entry for entry in self.search_path if has_encoding(entry)]
        # The tasks are those of the process that opens it, and of the same user. Whoever can write the folder can have
        # any function called there; so to unpickle adds nothing.
        agent: dict[str, object] = {"handlers": ["*"], "pickle": True, "path": path, "reload": True}
        if workers is not None:
            agent["workers"] = workers
        # Nothing of it is a path, and this process's own folder may be gone.
        parse_config({"state": {"provider": "local"}, "agent": agent}, folder=Path("/"))
        #: None when the folder is the caller's.
        self._temporary: TemporaryFolder | None = None
        if folder is None:
            self._temporary = TemporaryFolder()
            self.folder = self._temporary.path
        else:
            self.folder = _made(folder)
        try:
            self.config: Config = self._configure(agent)
            self._compute: ComputeBackend = self.config.open_compute()
            self._starts = Starts(self._compute)
        except BaseException:
            self._remove()
            raise
        self._output = (
            HandlerOutput(self.folder / "agents", to_stderr=output == "stderr", host=RealHost()) if output else None
        )
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_alive, name="embedded-grid", daemon=True)

    def start(self) -> None:
        """Start the agent; returns before it is ready."""
        # Not the file's: a command line may hold a password.
        client = ClientProcess.current(script_home(), self.search_path)
        self._compute.apply(Pool(name=defaults.POOL, environment=dict(client.environment())))
        self._starts.start()
        if self._output is not None:
            self._output.find()
        self._keeper.start()

    def show_output(self) -> None:
        """Show what handlers have printed by now."""
        if self._output is not None:
            self._output.show()

    def check(self) -> None:
        """Raise when its agents cannot be started; see :meth:`Starts.check`."""
        self._starts.check()

    def close(self) -> None:
        """End the agent, at once when nobody can ask for its outcomes any more, and remove a temporary folder.

        When this is interrupted, the agent is killed.
        """
        self._closing.set()
        # Each of them, also when one is interrupted.
        with ExitStack() as steps:
            steps.callback(self._remove)
            if self._output is not None:
                steps.callback(self._output.close)
            steps.callback(self._compute.close)
            if self._keeper.is_alive():
                self._keeper.join()

    def _remove(self) -> None:
        if self._temporary is None:
            return
        try:
            self._temporary.remove()
        except KeyboardInterrupt:
            # It takes a moment, and nobody else would do it now.
            self._temporary.remove()
            raise

    def _keep_alive(self) -> None:
        """Start another agent when the one there is dies; those that die soon are replaced ever more slowly.

        Before that, and beside whoever opened this: remove what grids before this one have left behind.
        """
        if self._temporary is not None:
            remove_abandoned(self.folder.parent)
        pause = self._PAUSE
        while not self._closing.wait(pause):
            try:
                alive = self._starts.keep()
                if self._output is not None:
                    self._output.find()
                    self._output.look()
            except HtcGridError:
                alive = False
            pause = max(self._PAUSE, pause / 2) if alive else min(self._PAUSE * 32, pause * 2)

    def _configure(self, agent: dict[str, object]) -> Config:
        """Write the file that agents read; other processes may open it, too."""
        # Beside the file: a name that is no text could not stand in it.
        state: dict[str, object] = {"provider": "local", "path": "."}
        compute: dict[str, object] = {**state, "lifeline": True}
        if self._temporary is not None:
            compute["grace"] = 0
            # For the teardown() of handlers' modules; tasks that run when it is closed are nobody's any more.
            agent = {**agent, "grace": _TEARDOWN}
        document = {"state": state, "compute": compute, "agent": agent}
        file = self.folder / "embedded.toml"
        try:
            file.write_text(_toml(document), encoding="utf-8")
        except OSError as error:
            raise _unusable(self.folder, error) from error
        return read_config(file)


def _made(folder: Path) -> Path:
    """Make the folder; return its whole path."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unusable(folder, error) from error
    return folder.absolute()


def _unusable(folder: Path, error: OSError | ValueError) -> ConfigError:
    reason = getattr(error, "strerror", None) or error
    return ConfigError(
        f"an embedded grid cannot use the folder {folder}: {reason}; name one that this user can write to"
    )


def _toml(document: dict[str, dict[str, object]]) -> str:
    """Return a document of strings, numbers, booleans and lists of strings as TOML."""
    lines = []
    for table, values in document.items():
        lines.append(f"[{table}]")
        lines.extend(f"{key} = {_toml_value(value)}" for key, value in values.items())
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    """Return a value as TOML, where JSON writes the same but for letters that it would escape in halves."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
