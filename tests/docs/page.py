"""A page of the documentation, walked through as a reader would: its files written, its commands run.

An HTML comment in the line before a block says what a reader does with it:

* ``<!-- file: NAME -->``: writes the block into this file.
* ``<!-- run -->``: runs each ``$ command`` and sees what stands below it.
* ``<!-- start: NAME -->``: runs the command in a terminal of its own, and sees it begin with what stands below.
* ``<!-- signal: NAME KILL -->``: kills that process; ``…, when 30 tasks have succeeded`` waits for that.
* ``<!-- finish: NAME -->``: sees the process end, with what stands in the block.
* ``<!-- theirs: NAME -->``: reads on; the block is another library's, for comparison.
* ``<!-- not run -->``: reads on.

``run in FOLDER`` and ``start in FOLDER`` do it there. What is shown is compared loosely: ``…`` stands for anything, and
session ids, agents' ids, times, speeds and bars are those of another run.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

_PATIENCE = 120.0
_BLOCK = re.compile(
    r"^(?:<!-- (?P<verb>[a-z ]+?)(?: in (?P<folder>[\w/]+))?(?:: (?P<argument>[^\n]+?))? -->\n)?"
    r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_BARE_SIGNAL = re.compile(r"^<!-- signal: (?P<argument>[^\n]+?) -->\n(?!```)", re.MULTILINE)
#: What differs from run to run, and what stands for it on both sides.
_VOLATILE = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"s-[0-9a-f]{16}", "SESSION"),
    (r"[\w-]+-\d+-[0-9a-f]{6}\b", "AGENT"),
    (r"pid=\d+", "PID"),
    (r"\s*[━╸╺]+\s*", " BAR "),
    (r"\s+[\d,]+ tasks/s", ""),
    (r"\d:\d\d:\d\d", "ELAPSED"),
)


class Block(NamedTuple):
    """A block of a page, and what the comment before it says."""

    verb: str | None
    folder: str
    argument: str
    language: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the page's blocks, and the signals that stand without one, in order."""
    found = sorted([*_BLOCK.finditer(page), *_BARE_SIGNAL.finditer(page)], key=lambda match: match.start())
    for match in found:
        parts = match.groupdict()
        yield Block(
            verb=parts.get("verb", "signal"),
            folder=parts.get("folder") or ".",
            argument=parts["argument"] or "",
            language=parts.get("language") or "",
            text=parts.get("text") or "",
        )


def loosely(text: str, *, anywhere: bool = False) -> re.Pattern[str]:
    """Return the pattern of what is shown as ``text``."""
    words = [r"\s+".join(re.escape(word) for word in part.split()) for part in settled(text).split("…")]
    return re.compile(r"\s*" + r".*?".join(words) + ("" if anywhere else r"\s*\Z"), re.DOTALL)


def settled(text: str) -> str:
    """Return the text without what differs from run to run."""
    for pattern, name in _VOLATILE:
        text = re.sub(pattern, name, text)
    return text


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each ``$ command`` of a block, and what is shown below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


class Terminal:
    """A process that goes on beside the reader."""

    def __init__(self, command: str, folder: Path, output: Path, variables: Mapping[str, str]) -> None:
        self._output = output
        self._seen = 0
        with output.open("wb") as stream:
            self.process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def begins_with(self, shown: str) -> None:
        """Wait until this has been shown."""
        pattern = loosely(shown, anywhere=True)
        wait_until(lambda: bool(pattern.match(settled(self._text()))) or self.process.poll() is not None)
        assert pattern.match(settled(self._text())), f"shows:\n{self._text()}\nnot:\n{shown}"
        self._seen = len(shown.splitlines())

    def ends_with(self, shown: str) -> None:
        """Wait for the end, before which this is shown."""
        self.process.wait(_PATIENCE)
        rest = "\n".join(self._text().splitlines()[self._seen :])
        assert loosely(shown).match(settled(rest)), f"shows:\n{rest}\nnot:\n{shown}"

    def _text(self) -> str:
        return self._output.read_text(encoding="utf-8")


class Reader:
    """Somebody who does what a page says, in an empty folder, and in a shell with the variables."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._variables = environment() if variables is None else variables
        self._terminals: dict[str, Terminal] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in self._terminals.values():
            if terminal.process.poll() is None:
                os.killpg(terminal.process.pid, signal.SIGKILL)
                terminal.process.wait()

    def do(self, block: Block) -> None:
        """Do what the comment says."""
        folder = self._folder / block.folder
        match block.verb:
            case "file":
                file = self._folder / block.argument
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            case "run":
                for command, shown in commands(block.text):
                    self._run(command, shown, folder)
            case "start":
                command, shown = next(commands(block.text))
                terminal = Terminal(command, folder, self._folder / f"{block.argument}.output", self._variables)
                self._terminals[block.argument] = terminal
                terminal.begins_with(shown)
            case "signal":
                self._signal(block.argument, folder)
            case "finish":
                self._terminals[block.argument].ends_with(block.text)

    def _run(self, command: str, shown: str, folder: Path) -> None:
        ended = run(command, folder, self._variables)
        assert loosely(shown).match(settled(ended)), f"$ {command}\nshows:\n{ended}\nnot:\n{shown}"

    def _signal(self, argument: str, folder: Path) -> None:
        words = re.fullmatch(
            r"(?P<name>\w+) (?P<signal>[A-Z]+)(?:, when (?P<tasks>\d+) tasks have succeeded)?", argument
        )
        assert words, argument
        if tasks := int(words["tasks"] or 0):
            wait_until(lambda: tasks <= sum(status["succeeded"] for status in self._statuses(folder)))
        process = self._terminals[words["name"]].process
        os.kill(process.pid, signal.Signals[f"SIG{words['signal']}"])
        process.wait(_PATIENCE)

    def _statuses(self, folder: Path) -> list[dict[str, int]]:
        """Return the grid's sessions."""
        return [json.loads(line) for line in run("htcgrid status --json", folder, self._variables).splitlines()]


def run(command: str, folder: Path, variables: Mapping[str, str]) -> str:
    """Run a command; return what a terminal would show."""
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=2 * _PATIENCE,
        text=True,
        encoding="utf-8",
        check=False,
    ).stdout


def environment(programs: Path = Path(sys.executable).parent) -> dict[str, str]:
    """Return the environment of a shell in which the folder's programs are found first, and no grid is named."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HTCGRID_", "PYTEST_"))}
    return kept | {"PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "120", "NO_COLOR": "1"}


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)
