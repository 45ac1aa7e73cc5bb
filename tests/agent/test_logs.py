"""The agent's log: one event a line, with session, bundle and attempt where it is about a bundle."""

import errno
import io
import json
import os
import sys
from datetime import timedelta
from random import Random

import pytest

from htcgrid.interfaces import Renewal
from htcgrid.model import AgentId, Committed, LossCause, Lost, Ranges
from htcgrid.testing.memory import MemoryStateStore
from htcgrid.testing.samples import bundles_of, keys_of, session_of
from htcgrid_agent.core import AgentCore, AgentPolicy, commands, events
from htcgrid_agent.shell.logs import open_log
from htcgrid_agent.shell.notes import Notes

NAME = AgentId("desk-7")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_of_json_has_event_agent_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    open_log("json", agent=NAME).warning("lease lost", session="s")
    (line,) = lines(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"event": "lease lost", "agent": "desk-7", "level": "warning", "session": "s"}


def test_a_line_for_people_is_no_json_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    open_log("console", agent=NAME).warning("lease lost", session="s")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "[warning" in line
    assert "lease lost agent=desk-7 session=s" in line
    assert "\x1b" not in line


class Full(io.StringIO):
    """A file on a disk that is full for a while."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


def test_a_log_on_a_full_disk_goes_on_when_there_is_space(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Full()
    monkeypatch.setattr(sys, "stderr", disk)
    log = open_log("json", agent=NAME)
    log.info("lost")
    disk.full = False
    log.info("kept")
    assert [json.loads(line)["event"] for line in disk.getvalue().splitlines()] == ["kept"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_process_without_standard_error_logs_nothing(monkeypatch: pytest.MonkeyPatch, style: str) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    open_log(style, agent=NAME).info("nobody hears this")


def test_what_was_printed_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    open_log("json", agent=NAME).info("printed", line='"}\n{"event": "agent ended"}')
    assert [line["event"] for line in lines(capsys)] == ["printed"]


@pytest.mark.parametrize("verbose", [False, True])
def test_claims_are_logged_when_asked_for(capsys: pytest.CaptureFixture[str], verbose: bool) -> None:
    open_log("json", agent=NAME, verbose=verbose).debug("claimed")
    assert len(lines(capsys)) == verbose


def decisions_and_notes() -> tuple[AgentCore, Notes]:
    policy = AgentPolicy(
        agent=NAME, workers=1, lease=30.0, heartbeat=5.0, grace=5.0, target=2.0, flush=0.2, handlers=("*",)
    )
    core = AgentCore(policy, Random(1).random)
    return core, Notes(open_log("json", agent=NAME, verbose=True), core)


def test_that_code_was_edited_stands_in_the_log_once_until_no_worker_has_it_as_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, notes = decisions_and_notes()
    told = []
    # Worker, whether it is done, and what was edited.
    for worker, done, edited in (
        (0, True, ""),
        (0, True, "a.py"),
        (0, True, "a.py"),
        (1, True, "a.py"),
        (0, False, ""),
        (0, True, ""),
        (2, True, "a.py"),
        (1, True, "b.py"),
        (2, True, ""),
        (0, True, "a.py"),
    ):
        notes.take(events.WorkerReported(worker=worker, run=1, block=None, done=done, edited=edited))
        told += [(worker, line["file"], line["level"]) for line in lines(capsys)]
    assert told == [(0, "a.py", "warning"), (1, "b.py", "warning"), (0, "a.py", "warning")]


def test_every_line_about_a_bundle_names_session_bundle_and_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    core, notes = decisions_and_notes()
    state, session = MemoryStateStore(), session_of()
    state.create(session, bundles_of(session, 1, 3), sealed=True)
    (claim,) = state.claim(keys_of(bundles_of(session, 1, 3)), agent=NAME, lease=timedelta(seconds=30))
    lease = claim.lease
    part = commands.CommitPart(lease=lease, flush=0, succeeded=Ranges.of((0, 2)), failed=Ranges(), blocks=())
    late = Committed(lease=None, accepted=Ranges(), refused=Ranges.of((0, 2)), cancelled=False)
    acquired = events.Acquired(sent=0.0, claims=[claim])
    core.handle(acquired, 0.0)
    lost = Lost(key=lease.key, nonce=lease.nonce, cause=LossCause.LAPSED)
    for event in (
        acquired,
        events.CommitAnswered(sent=0.0, parts=(part,), answers=[late]),
        events.CallFailed(command=commands.Commit(parts=(part,)), error="ThrottledError: slow down"),
        events.CallFailed(command=commands.GiveBack(lease=lease, remainders=()), error="ThrottledError: slow down"),
        events.Renewed(sent=0.0, renewal=Renewal([], [lost])),
    ):
        notes.take(event)
    written = lines(capsys)
    assert [line["event"] for line in written] == [
        "claimed",
        "outcomes came too late",
        "call failed",
        "call failed",
        "lease lost",
    ]
    about = {"session": session.id, "bundle": "0/0", "attempt": 1, "agent": "desk-7"}
    for line in written:
        assert about.items() <= line.items()
