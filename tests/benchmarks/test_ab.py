"""The comparison of two states of this project: its arithmetic, its bad inputs, and the whole on a copy."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.ab import __main__ as command
from benchmarks.ab import checkout, measurement
from benchmarks.ab.checkout import NotComparableError
from benchmarks.ab.measurement import MEASURES
from benchmarks.ab.program import measure as program
from benchmarks.ab.ratios import Found, Measurement, Pair, facts, slower, spread, table, verdict
from benchmarks.ab.side import Side, variables, with_its_environment
from benchmarks.program import ProgramError, conversation
from benchmarks.settings import Settings
from htcgrid.bench import measures

ROOT = Path(__file__).parents[2]
#: What of the project a comparison needs.
NEEDED = (
    "Makefile",
    "pyproject.toml",
    "requirements",
    "htcgrid",
    "agent",
    "providers",
    "benchmarks",
    "tests/emulators",
)


def pair(base: Sequence[float], change: Sequence[float], processor: float = 1.0) -> Pair:
    """Return a pair of these seconds; ``processor`` is the change's, of 1 of the base."""
    return Pair(Measurement(tuple(base), 1.0), Measurement(tuple(change), processor))


def found(*ratios: float, tasks: int = 1000) -> Found:
    """Return pairs in which the change is as many times as fast."""
    return Found(f"{tasks:,} echo tasks", tasks, [pair([ratio, ratio], [1.0, 1.0]) for ratio in ratios])


@pytest.mark.parametrize(
    ("base", "change", "ratio"),
    [
        ([1.0, 1.0], [1.0, 1.0], 1.0),
        ([2.0, 2.0], [1.0, 1.0], 2.0),
        ([1.0, 1.0], [2.0, 2.0], 0.5),
        ([0.1], [0.4], 0.25),
        ([3.0, 6.0], [1.0, 3.0], 2.5),
        # The machine does something else in the second turn, or only for the base in the third.
        ([1.0, 9.0, 1.0], [2.0, 18.0, 2.0], 0.5),
        ([1.0, 1.0, 9.0], [1.0, 1.0, 1.0], 1.0),
    ],
)
def test_a_ratio_of_speed_is_the_median_of_the_turns_and_above_one_when_the_change_is_faster(
    base: list[float], change: list[float], ratio: float
) -> None:
    assert pair(base, change).speed == pytest.approx(ratio)


@pytest.mark.parametrize(("processor", "ratio"), [(1.0, 1.0), (0.5, 2.0), (2.0, 0.5), (1.25, 0.8)])
def test_a_ratio_of_processor_time_is_above_one_when_the_change_takes_less(processor: float, ratio: float) -> None:
    assert pair([1.0, 1.0], [1.0, 1.0], processor).thrift == pytest.approx(ratio)


@pytest.mark.parametrize("drift", [-0.02, -0.01, 0.0, 0.01, 0.5, 2.0])
def test_a_machine_that_steadily_changes_its_pace_changes_no_ratio_much(drift: float) -> None:
    order: list[str] = []

    def turn(name: str) -> float:
        order.append(name)
        return 1.0 + drift * len(order)

    base, change = measurement.in_turns(lambda: turn("base"), lambda: turn("change"), 20)
    # That of two turns in a row is the drift between them, and now the one's, now the other's.
    assert pair(base, change).speed == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("turns", [2, 4, 20])
def test_the_turns_are_base_change_change_base_and_so_on(turns: int) -> None:
    order: list[str] = []

    def turn(name: str) -> float:
        order.append(name)
        return float(len(order))

    base, change = measurement.in_turns(lambda: turn("base"), lambda: turn("change"), turns)
    assert order == ["base", "change", "change", "base"] * (turns // 2)
    assert base == tuple(number + 1 for number, name in enumerate(order) if name == "base")
    assert change == tuple(number + 1 for number, name in enumerate(order) if name == "change")


def test_either_side_is_as_often_the_first_in_every_measure_however_little_of_it_is_done() -> None:
    for one in MEASURES.values():
        for share in (1.0, 0.5, 0.3, 0.001):
            assert command._shared(one, Settings(share=share)).turns % 2 == 0


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([1.0], (1.0, 1.0, 1.0, 1.0, 1.0)),
        ([3.0, 1.0], (1.0, 1.5, 2.0, 2.5, 3.0)),
        ([3.0, 1.0, 2.0], (1.0, 1.5, 2.0, 2.5, 3.0)),
        ([5.0, 1.0, 4.0, 2.0, 3.0], (1.0, 2.0, 3.0, 4.0, 5.0)),
        ([0.9, 100.0, 1.0], (0.9, 0.95, 1.0, 50.5, 100.0)),
    ],
)
def test_a_spread_is_the_median_with_quartiles_and_extremes(
    ratios: list[float], expected: tuple[float, float, float, float, float]
) -> None:
    assert spread(ratios) == pytest.approx(expected)


def test_the_median_is_of_the_ratios_pair_by_pair() -> None:
    # The machine is ten times as slow in the second pair; the ratio of the medians would be another number.
    pairs = [pair([1.0], [0.5]), pair([10.0], [10.0]), pair([1.0], [2.0])]
    assert Found("", 1, pairs).speed.median == 1.0
    assert Found("", 1, pairs).seconds == (1.0, 2.0)


@pytest.mark.parametrize(
    ("ratios", "least", "is_slower"),
    [
        ((1.0,), 0.97, False),
        ((0.97,), 0.97, False),
        ((0.969,), 0.97, True),
        ((0.5, 0.98, 1.0), 0.97, False),
        ((0.5, 0.96, 2.0), 0.97, True),
        ((0.9,), 0.85, False),
        ((1.0,), 1.1, True),
    ],
)
def test_the_change_is_slower_when_a_median_is_below_the_least(
    ratios: tuple[float, ...], least: float, is_slower: bool
) -> None:
    good, this = found(2.0, tasks=5), found(*ratios)
    assert slower([good, this], least) == ([this] if is_slower else [])
    said = verdict([good, this], least)[0]
    assert said.startswith("The change is slower" if is_slower else "The change is no slower")
    assert [line.rpartition(" ")[2] for line in table([good, this], least)[1::2]] == [
        "ok",
        "SLOWER" if is_slower else "ok",
    ]


@pytest.mark.parametrize(
    ("ratios", "is_sure"),
    [
        ((2.0,), False),
        ((0.99, 1.0, 1.01), True),
        ((1.0, 1.0, 1.0), True),
        ((0.5, 0.5, 0.5), True),
        ((0.9, 1.0, 1.1), False),
        ((0.8, 0.9, 1.0), False),
        ((0.9, 1.0, 1.1) * 100, True),
        ((0.97, 0.97, 0.97), True),
    ],
)
def test_a_verdict_that_other_pairs_may_turn_is_told(ratios: tuple[float, ...], is_sure: bool) -> None:
    said = verdict([found(*ratios)], 0.97)
    assert [line.startswith("Not sure: 1,000 echo tasks.") for line in said[1:]] == ([] if is_sure else [True])


def test_processor_time_alone_makes_no_change_slower() -> None:
    assert slower([Found("", 1, [pair([1.0], [1.0], processor=5.0)])], 0.97) == []


def test_a_table_has_rates_of_many_tasks_and_milliseconds_of_one() -> None:
    one = Pair(Measurement((0.002,), 0.0015), Measurement((0.004,), 0.003))
    lines = table([Found("1,000 echo tasks", 1000, [one]), Found("a lone task", 1, [one])], 0.97)
    assert [line.split("  ")[0].strip() for line in lines[1::2]] == ["1,000 echo tasks", "a lone task"]
    assert "500,000 tasks/s  250,000 tasks/s  0.500" in lines[1]
    assert "1,500.0 µs       3,000.0 µs  0.500" in lines[2]
    assert "2.00 ms          4.00 ms  0.500" in lines[3]


def test_what_is_written_down_holds_every_measurement() -> None:
    written = json.loads(json.dumps(facts(found(0.5, 2.0))))
    assert written["speed"]["median"] == 1.25
    assert [one["base"]["seconds"] for one in written["pairs"]] == [[0.5, 0.5], [2.0, 2.0]]


@pytest.mark.parametrize("said", ["", "garbage", "[1]", "1 2", '{"seconds": 1}'])
def test_garbage_is_no_measurement(said: str) -> None:
    with pytest.raises(ProgramError, match="no measurement"):
        measurement.number(said)


@pytest.mark.parametrize("said", ["0", "-1", "nan", "inf"])
def test_a_measurement_that_cannot_be_is_none(said: str) -> None:
    with pytest.raises(ProgramError, match="cannot be"):
        measurement.number(said)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; sys.exit('no workers')", "no workers"),
        ("import sys; input(); sys.exit('no more')", "no more"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("import sys; sys.stdin.read()", "not answered after 1 s"),
        ("import sys; input(); print(1, flush=True); sys.stdin.read(); sys.exit('too late')", "too late"),
        ("import time; input(); print(1, flush=True); time.sleep(600)", "not ended after 1 s"),
    ],
)
def test_a_program_that_fails_in_a_conversation_says_why(script: str, told: str, tmp_path: Path) -> None:
    # Longer than Python takes to begin, where that is not what is waited for.
    seconds = 1 if "after 1 s" in told else 60
    with (
        pytest.raises(ProgramError, match=told),
        conversation(
            [sys.executable, "-c", script], tmp_path / "log", at=tmp_path, variables=os.environ, seconds=seconds
        ) as ask,
    ):
        assert ask("turn") == "1"


def test_the_same_payload_is_measured_as_elsewhere() -> None:
    assert program.PAYLOAD == measures.PAYLOAD


_SPIN = "import subprocess, sys, time\nwhile time.process_time() < 0.2: pass\n"
_BELOW = f"{_SPIN}subprocess.run([sys.executable, '-c', {_SPIN!r}])\nprint('done', flush=True)\n"


def test_processor_time_is_that_of_all_processes_below_living_or_ended() -> None:
    before = program._used_below()
    with subprocess.Popen(
        [sys.executable, "-c", f"{_BELOW}sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        living = program._used_below() - before
        process.communicate("")
    ended = program._used_below() - before
    # Of what has ended, the kernel tells hundredths of a second.
    assert living == pytest.approx(ended, abs=0.1)
    assert 0.38 <= min(living, ended) <= max(living, ended) < 1


def test_neither_side_is_given_what_another_grid_make_or_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTCGRID_CONFIG", "PYTHONPATH", "PYTHONHASHSEED", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HOME", "/home")
    assert variables()["HOME"] == "/home"
    assert not [name for name, value in variables().items() if value == "x"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what there is of this one, in one commit."""
    folder = tmp_path_factory.mktemp("repository")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    (folder / ".gitignore").write_text("build/\n__pycache__/\n")
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository of a few files, in two commits of which the first has no requirements."""
    (tmp_path / "kept.py").write_text("old")
    (tmp_path / "deleted.py").write_text("old")
    (tmp_path / ".gitignore").write_text("build/\nignored*\n")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    for name in checkout.REQUIREMENTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "pyproject.toml").write_text('[tool.hatch.build]\ndev-mode-dirs = [".", "agent"]\n')
    commit(tmp_path)
    (tmp_path / "build" / "ab").mkdir(parents=True)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *settings, *words], check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a state")


def test_the_working_tree_is_copied_with_its_changes_and_a_commit_without(small: Path) -> None:
    (small / "kept.py").write_text("new")
    (small / "deleted.py").unlink()
    (small / "added.py").write_text("new")
    (small / "ignored.py").write_text("new")
    base, change = both(small)
    assert [names(one) for one in (base, change)] == [["deleted.py", "kept.py"], ["added.py", "kept.py"]]
    assert [(one.folder / "kept.py").read_text() for one in (base, change)] == ["old", "new"]
    assert change.name.endswith(", with changes")
    assert base.name.startswith("HEAD (")


def test_a_copy_of_the_working_tree_keeps_its_environment_and_nothing_else(small: Path) -> None:
    first = checkout.of_working_tree(small, small / "build" / "ab")
    (first.folder / ".venv").mkdir()
    (first.folder / ".venv" / "stamp").write_text("")
    (small / "deleted.py").unlink()
    second = checkout.of_working_tree(small, small / "build" / "ab")
    assert second.folder == first.folder
    assert (second.folder / ".venv" / "stamp").exists()
    assert names(second) == ["kept.py"]


def test_a_checkout_is_another_when_its_commit_or_its_requirements_are(small: Path) -> None:
    before = both(small)
    assert both(small) == before
    (small / "kept.py").write_text("new")
    commit(small)
    changed = both(small)
    assert changed[0].folder != before[0].folder
    assert changed[1].folder == before[1].folder
    (small / "pyproject.toml").write_text("# new")
    assert both(small)[0].folder == changed[0].folder
    assert both(small)[1].folder != changed[1].folder


@pytest.mark.parametrize(
    ("words", "old", "new"),
    [
        ([], "HEAD (", "the working tree at "),
        (["--change", "HEAD"], "HEAD (", "HEAD ("),
        (["--change", "main"], "HEAD (", "main ("),
    ],
)
def test_the_change_is_the_working_tree_unless_it_is_named(words: list[str], old: str, new: str, small: Path) -> None:
    git(small, "branch", "--move", "main")
    options = command._options(["--base", "HEAD", "--same-environment", *words])
    base, change = command.sides(options, small, small / "build" / "ab")
    assert (base.name[: len(old)], change.name[: len(new)]) == (old, new)
    for side in (base, change):
        assert side.python == Path(sys.executable)
        assert side.variables["PYTHONPATH"] == f"{side.source}{os.pathsep}{side.source / 'agent'}"


def both(root: Path) -> tuple[checkout.Checkout, checkout.Checkout]:
    cache = root / "build" / "ab"
    return checkout.of_commit(root, "HEAD", cache), checkout.of_working_tree(root, cache)


def names(one: checkout.Checkout) -> list[str]:
    return sorted(file.name for file in one.folder.glob("*.py"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--base", "no-such-branch"], "no commit is named 'no-such-branch' in .*: name one that"),
        (["--base", "0123456789"], "no commit is named '0123456789'"),
        (["--base", ""], "no commit is named ''"),
        (["--base=--all"], "no commit is named '--all'"),
        (["--base", "HEAD:kept.py"], "no commit is named 'HEAD:kept.py'"),
        (["--base", "HEAD", "--change", "nowhere"], "no commit is named 'nowhere'"),
        (["--base", "HEAD~1"], "HEAD~1 has no requirements/uv.txt, .*: compare with a later commit"),
        (["--base", "HEAD", "--pairs", "0"], "--pairs 0 would measure nothing: ask for 1 or more"),
        (["--base", "HEAD", "--pairs", "-3"], "--pairs -3 would measure nothing"),
        (["--base", "HEAD", "--least", "0"], "--least 0.0 is no ratio: give one above 0"),
        (["--base", "HEAD", "--least", "nan"], "--least nan is no ratio"),
        (["--base", "HEAD", "--least", "inf"], "--least inf is no ratio"),
        (["--base", "HEAD", "--share", "0"], "--share 0.0 is no part of a measure: give one above 0"),
        (["--base", "HEAD", "--share", "2"], "--share 2.0 is no part"),
        (["--base", "HEAD", "--json", "no/such/folder/file"], "--json .* in a folder that does not exist: make it"),
    ],
)
def test_a_bad_input_is_told_in_a_sentence(
    words: list[str], told: str, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words, small) == 2
    assert_one_sentence(capsys, told)


@pytest.mark.parametrize("words", [[], ["--base"], ["--base=HEAD", "--pairs=x"], ["--base=HEAD", "--only=x"], ["HEAD"]])
def test_what_is_no_option_is_told_with_the_usage(
    words: list[str], small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(words, small)
    assert "usage: python -m benchmarks.ab" in capsys.readouterr().err


def test_a_folder_without_a_repository_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--base", "HEAD"], tmp_path) == 2
    assert_one_sentence(capsys, "is not a git repository of its own, .*: clone the project")


def test_a_folder_within_a_repository_is_told(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--base", "HEAD"], small / "build") == 2
    assert_one_sentence(capsys, "it is a folder of ")


def test_a_machine_without_git_is_told(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(small))
    assert command.main(["--base", "HEAD"], small) == 2
    assert_one_sentence(capsys, "git is not installed, .*: install git")


def test_a_second_comparison_at_once_is_told(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with command._cache(small):
        assert command.main(["--base", "HEAD"], small) == 2
    assert_one_sentence(capsys, "another comparison runs in .*: wait until it has ended")


def assert_one_sentence(capsys: pytest.CaptureFixture[str], told: str) -> None:
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    assert re.search(told, printed.err), printed.err


@pytest.mark.parametrize(
    ("makefile", "told"),
    [
        (".venv/demo.stamp:\n\techo 'no wheel for this machine' >&2; exit 1\n", "no wheel for this machine"),
        ("", "No rule to make target"),
    ],
)
def test_an_environment_that_cannot_be_made_is_told(makefile: str, told: str, small: Path) -> None:
    (small / "Makefile").write_text(makefile)
    with pytest.raises(NotComparableError, match=rf"no environment can be made for .*{told}.*try `make"):
        with_its_environment(checkout.of_working_tree(small, small / "build" / "ab"))


def test_an_environment_is_made_by_the_makefile_of_its_checkout_and_with_this_python(small: Path) -> None:
    (small / "Makefile").write_text(".venv/demo.stamp:\n\tmkdir -p .venv && echo $(PYTHON) $(MAKEFLAGS) >$@\n")
    made = checkout.of_working_tree(small, small / "build" / "ab")
    side = with_its_environment(made)
    assert side.python == made.folder / ".venv" / "bin" / "python"
    assert (made.folder / ".venv" / "demo.stamp").read_text().split()[0] == sys.executable


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_side_that_would_run_the_code_of_another_folder_is_not_measured(wrong: int, tmp_path: Path) -> None:
    path = {**variables(), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "agent")])}
    sides = [Side("a good side", ROOT, Path(sys.executable), path)] * 2
    sides[wrong] = Side("a bad side", tmp_path, Path(sys.executable), path)
    base, change = sides
    with pytest.raises(NotComparableError, match=r"of a bad side: htcgrid would come from .*, and not from"):
        measurement.pair(base, change, MEASURES["lone"], "local")


def test_a_commit_compared_with_itself_has_ratios_of_both_sides(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    words = ["--base", "HEAD", "--pairs", "1", "--share", "0.05", "--only", "10000"]
    ended = subprocess.run(
        [*ab(), *words, "--least", "0.0001", "--json", str(file)],
        cwd=repository,
        env=shell(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "The change is no slower: each median ratio of speed is at least 0.0001." in ended.stdout
    document = json.loads(file.read_text())
    assert document["change"].startswith("the working tree at ")
    assert not document["change"].endswith("changes")
    [one] = document["measures"]
    assert one["tasks"] == 500
    [found_pair] = one["pairs"]
    for side in ("base", "change"):
        assert len(found_pair[side]["seconds"]) == 2
        # Four processes cannot do with less than a microsecond for a task, and 500 do not take them a second each.
        assert 1e-6 < found_pair[side]["processor"] < 1
    assert not list(running(tmp_path))


def test_an_interrupt_leaves_nothing_running(repository: Path, tmp_path: Path) -> None:
    words = ["--base", "HEAD", "--only", "lone"]
    with subprocess.Popen(
        [*ab(), *words], cwd=repository, env=shell(tmp_path), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "pair 1 of 11\n"
        # The command, the client and its agent at least.
        wait_until(lambda: len(list(running(tmp_path))) >= 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "interrupted: nothing is left running\n"
    assert process.returncode == 130
    wait_until(lambda: not list(running(tmp_path)))


def ab() -> list[str]:
    return [sys.executable, "-m", "benchmarks.ab", "--same-environment"]


def shell(folder: Path) -> dict[str, str]:
    """Return variables by which what is started is known."""
    return {**os.environ, "AB_TEST": str(folder)}


def running(folder: Path) -> Iterator[int]:
    """Yield the processes that were started with the variables of a shell."""
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"AB_TEST={folder}\0".encode() in file.read_bytes():
                yield int(file.parent.name)
        except OSError:
            continue


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
