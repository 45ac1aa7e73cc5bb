"""Shells complete commands, options, sessions and agents: bash is really asked."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from htcgrid.config import read_config
from htcgrid.model import AgentId, AgentReport, utcnow
from tests.cli.conftest import Command

#: What readline does when somebody has typed these words and presses Tab.
_TAB = """
source <(htcgrid completion bash)
complete -p htcgrid >/dev/null || exit 3
compopt() { :; }
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_htcgrid_completion htcgrid
printf '%s\\n' "${COMPREPLY[@]}"
"""

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None and "CI" not in os.environ, reason="there is no bash here to ask"
)


@pytest.fixture
def tab() -> Callable[..., list[str]]:
    """Return what bash completes the last word to."""

    def run(*words: str) -> list[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = ["bash", "--norc", "-c", _TAB, "bash", "htcgrid", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PATH": path})
        assert done.stderr == ""
        return done.stdout.split()

    return run


def test_bash_completes_commands_and_options(tab: Callable[..., list[str]], grid: Path) -> None:
    assert tab("st") == ["status"]
    assert tab("d") == ["demo", "delete", "doctor", "drill"]
    assert tab("config", "") == ["check"]
    assert tab("submit", "--pri") == ["--priority"]
    assert tab("completion", "") == ["bash", "zsh", "fish"]
    assert tab("--ver") == ["--version"]


@pytest.mark.parametrize("command", ["status", "watch", "results", "explain", "logs", "cancel", "delete"])
def test_bash_completes_sessions(htcgrid: Command, tab: Callable[..., list[str]], grid: Path, command: str) -> None:
    (grid.parent / "tasks.json").write_text("[]")
    for name in ("risk-1", "risk-2", "other"):
        htcgrid("submit", "work:echo", "--id", name, "--input", "tasks.json")
    assert tab(command, "risk") == ["risk-2", "risk-1"]


def test_bash_completes_agents_and_the_grid_that_is_named(tab: Callable[..., list[str]], grid: Path) -> None:
    with closing(read_config(grid).open_state()) as state:
        state.register(AgentReport(id=AgentId("desk-7"), started=utcnow()))
    elsewhere = grid.rename(grid.with_name("other.toml"))
    assert tab("logs", "--agent", "de") == []
    assert tab("logs", "--config", elsewhere.name, "--agent", "de") == ["desk-7"]


def test_a_grid_that_cannot_be_asked_completes_nothing(tab: Callable[..., list[str]], grid: Path) -> None:
    grid.write_text("[state")
    assert tab("status", "ri") == []
    grid.unlink()
    assert tab("status", "ri") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(htcgrid: Command, shell: str) -> None:
    shown = htcgrid("completion", shell)
    assert (shown.status, shown.err) == (0, "")
    assert f"_HTCGRID_COMPLETE={shell}_complete" in shown.out


def test_other_shells_have_none(htcgrid: Command) -> None:
    assert htcgrid("completion", "ksh").usage_error.endswith("'ksh' is not one of 'bash', 'zsh', 'fish'.")
