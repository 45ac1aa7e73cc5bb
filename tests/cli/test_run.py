"""htcgrid run: an example folder, its document, and where the result goes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import PATIENCE, Command, Ended, ended, started, write_grid

CLIENT = """
from pathlib import Path

HANDLER = "prices:price"

def split(document):
    if not isinstance(document.get("prices"), list):
        raise ValueError('a document must be {"prices": [numbers]}')
    return document["prices"]

def merge(document, results):
    return {"results": [str(r).splitlines()[0] if isinstance(r, Exception) else r for r in results]}
"""
NO_JSON = "in.json is not JSON: JSON is malformed"
NO_NUMBER = "is no number in JSON: write null or a string instead"
#: Leaves a trace, so that a test sees whether tasks were run.
HANDLER = """
from pathlib import Path

RUNS = Path(__file__).with_name("runs")

def price(event, context):
    with RUNS.open("a") as runs:
        runs.write(f"{event}\\n")
    if event == "bad":
        return float("nan")
    return event * 2
"""


@pytest.fixture
def example(folder: Path) -> Path:
    """An example folder and its document."""
    example = folder / "example"
    example.mkdir()
    (example / "client.py").write_text(CLIENT)
    (example / "prices.py").write_text(HANDLER)
    (folder / "in.json").write_text('{"prices": [1, 2, 3]}')
    return example


def run(htcgrid: Command, *words: object) -> Ended:
    return htcgrid("run", "example", "--workers", "1", "--input", *(words or ["in.json"]))


def ran(example: Path) -> bool:
    return (example / "runs").exists()


def test_the_result_goes_to_stdout_and_the_bar_to_stderr(htcgrid: Command, example: Path, tmp_path: Path) -> None:
    shown = run(htcgrid, "in.json", "--progress")
    assert (shown.status, shown.out) == (0, '{"results":[2,4,6]}\n')
    assert "3/3" in shown.err
    assert list((tmp_path / "temporary").iterdir()) == []


def test_without_a_terminal_no_bar_comes_by_itself(htcgrid: Command, example: Path) -> None:
    assert run(htcgrid) == Ended(0, '{"results":[2,4,6]}\n', "")


def test_the_result_goes_to_a_file_that_is_replaced(htcgrid: Command, example: Path, folder: Path) -> None:
    output = folder / "out.json"
    output.write_text("x" * 1000)
    shown = run(htcgrid, "in.json", "--output", output)
    assert (shown.status, shown.out, output.read_text()) == (0, "", '{"results":[2,4,6]}\n')


def test_a_run_as_json_is_one_object_with_the_result(htcgrid: Command, example: Path) -> None:
    shown = run(htcgrid, "in.json", "--json")
    facts = json.loads(shown.out)
    assert 0 < facts.pop("seconds") < PATIENCE
    assert (shown.status, facts) == (0, {"tasks": 3, "failed": 0, "result": {"results": [2, 4, 6]}})


def test_a_run_as_json_names_the_file_of_its_result(htcgrid: Command, example: Path, folder: Path) -> None:
    facts = json.loads(run(htcgrid, "in.json", "--json", "--output", "out.json").out)
    assert facts["output"] == "out.json"
    assert "result" not in facts
    assert (folder / "out.json").read_text() == '{"results":[2,4,6]}\n'


def test_the_document_may_come_through_a_pipe(example: Path) -> None:
    program = Path(sys.executable).with_name("htcgrid")
    done = subprocess.run(
        [program, "run", "example", "--workers", "1", "--input", "-"],
        input='{"prices": [4]}',
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, '{"results":[8]}\n')


def test_an_example_runs_on_the_grid_that_a_file_describes(htcgrid: Command, example: Path, folder: Path) -> None:
    grid = write_grid(folder)
    grid.write_text(grid.read_text().replace("work:*", "*"))
    agent = started("agent")
    try:
        shown = htcgrid("run", "example", "--input", "in.json", "--config", grid)
    finally:
        agent.terminate()
        assert ended(agent).status == 0
    assert (shown.status, shown.out) == (0, '{"results":[2,4,6]}\n')
    (status,) = htcgrid("status", "--json").out.splitlines()
    assert json.loads(status)["succeeded"] == 3


def test_workers_are_those_of_an_embedded_grid_only(htcgrid: Command, example: Path, folder: Path) -> None:
    error = htcgrid("run", "example", "--input", "in.json", "--config", write_grid(folder), "--workers", "2").error
    assert error == "folder and workers are for an embedded grid; with config, leave them out"


def test_tasks_that_fail_are_named_and_the_others_merged(htcgrid: Command, example: Path, folder: Path) -> None:
    (folder / "in.json").write_text('{"prices": [1, "bad", 3]}')
    shown = run(htcgrid)
    assert shown.status == 1
    first, second, third = json.loads(shown.out)["results"]
    assert (first, third) == (2, 6)
    reason = "failed after 1 try: EncodingError: the result: a value of type float cannot be sent with codec 'json'"
    assert reason in second
    assert reason in shown.err
    assert shown.err.endswith("htcgrid: 1 of 3 tasks failed\n")


@pytest.mark.parametrize(
    ("client", "error"),
    [
        (None, "{folder} is no example: it has no client.py with HANDLER, split and merge"),
        ("", "{file} lacks HANDLER, split, merge"),
        ("HANDLER = 'prices:price'", "{file} lacks split, merge"),
        ("split = merge = list", "{file} lacks HANDLER"),
        ("HANDLER =", "{file} fails at import: SyntaxError: invalid syntax (client.py, line 1)"),
        ("import no_such_module", "{file} fails at import: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "{file} fails at import: SystemExit: 3"),
        ("HANDLER = 1\nsplit = merge = list", "{file}: HANDLER must be 'module:function' of a module beside it, not 1"),
        (
            "HANDLER = 'price'\nsplit = merge = list",
            "{file}: HANDLER must be 'module:function' of a module beside it, not 'price'",
        ),
    ],
)
def test_a_folder_that_is_no_example_is_told(htcgrid: Command, example: Path, client: str | None, error: str) -> None:
    file = example / "client.py"
    if client is None:
        file.unlink()
    else:
        file.write_text(client)
    shown = run(htcgrid)
    assert shown.error == error.format(file=file, folder=example)
    assert not ran(example)


def test_a_client_may_import_its_neighbours(htcgrid: Command, example: Path) -> None:
    (example / "rates.py").write_text("RATES = [4, 6]\n")
    (example / "fees.py").write_text("FEE = 1\n")
    later = "from fees import FEE; return [rate + FEE for rate in RATES]"
    client = "from rates import RATES\n" + CLIENT.replace('return document["prices"]', later)
    (example / "client.py").write_text(client)
    assert json.loads(run(htcgrid).out)["results"] == [10, 14]


def test_a_folder_that_is_missing_is_told(example: Path) -> None:
    with started("run", "elsewhere", "--input", "in.json") as process:
        error = ended(process).usage_error
    assert error == "Invalid value for 'FOLDER': Directory 'elsewhere' does not exist."


def test_an_input_that_is_missing_is_told(htcgrid: Command, example: Path) -> None:
    assert htcgrid("run", "example").usage_error == "Missing option '--input'."
    error = "Invalid value for '--input': 'no.json': No such file or directory"
    assert run(htcgrid, "no.json").usage_error == error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "in.json is not JSON: Input data was truncated"),
        (
            "{'prices': 1}",
            "in.json is not JSON: JSON is malformed: object keys must be strings (byte 1), which is line 1, column 2",
        ),
        (
            '{"prices": [\n1,\n -Infinity]}',
            f"{NO_JSON}: invalid character (byte 18), which is line 3, column 3; -Infinity {NO_NUMBER}",
        ),
        (
            '{"prices": [NaN]}',
            f"{NO_JSON}: invalid character (byte 12), which is line 1, column 13; NaN {NO_NUMBER}",
        ),
        ('{"prices": 1}', 'the input of example is not right: a document must be {{"prices": [numbers]}}'),
        ("[]", "{file}, line 7: split fails: AttributeError: 'list' object has no attribute 'get'"),
    ],
)
def test_a_document_that_is_not_right_is_told_before_anything_starts(
    htcgrid: Command, example: Path, folder: Path, text: str, error: str
) -> None:
    (folder / "in.json").write_text(text)
    assert run(htcgrid).error == error.format(file=example / "client.py")
    assert not ran(example)


@pytest.mark.parametrize(
    ("output", "reason"),
    [("no/such/folder/out.json", "No such file or directory"), ("in.json/out.json", "Not a directory")],
)
def test_an_output_that_cannot_be_written_is_told_before_tasks_are_run(
    htcgrid: Command, example: Path, output: str, reason: str
) -> None:
    error = run(htcgrid, "in.json", "--output", output).error
    assert error == f"the output {output} cannot be written: {reason}; name another file with --output"
    assert not ran(example)


def test_an_output_that_is_a_folder_is_told(htcgrid: Command, example: Path) -> None:
    error = htcgrid("run", "example", "--output", "example", "--input", "in.json").usage_error
    assert error == "Invalid value for '--output': File 'example' is a directory."


def test_an_output_that_breaks_meanwhile_sends_the_result_to_stdout(
    htcgrid: Command, example: Path, folder: Path
) -> None:
    # The client takes the output's folder away after it was found to be usable.
    (folder / "there").mkdir()
    client = example / "client.py"
    client.write_text(
        CLIENT.replace("def merge(document, results):\n", "def merge(document, results):\n    GONE.rmdir()\n")
    )
    client.write_text(client.read_text() + f"\nGONE = Path({str(folder / 'there')!r})\n")
    shown = run(htcgrid, "in.json", "--output", "there/out.json")
    assert (shown.status, shown.out) == (2, '{"results":[2,4,6]}\n')
    assert shown.err.splitlines()[-1] == (
        "htcgrid: the output there/out.json cannot be written: No such file or directory; "
        "the result went to stdout instead"
    )


def test_an_output_is_left_alone_when_the_run_comes_to_nothing(htcgrid: Command, example: Path, folder: Path) -> None:
    output = folder / "out.json"
    output.write_text("the last good result")
    (folder / "in.json").write_text("[]")
    assert run(htcgrid, "in.json", "--output", output).status == 2
    assert output.read_text() == "the last good result"
    assert run(htcgrid, "in.json", "--output", "new.json").status == 2
    assert not (folder / "new.json").exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return {}['trades']", "{file}, line 5: merge fails: KeyError: 'trades'"),
        ("return split", "what merge of {file} returns is no JSON document: a value of type function cannot"),
        (
            "return [float('nan')]",
            "what merge of {file} returns is no JSON document: a value of type float at [0] cannot",
        ),
    ],
)
def test_a_merge_that_goes_wrong_is_told_by_file_and_line(
    htcgrid: Command, example: Path, tmp_path: Path, body: str, error: str
) -> None:
    file = example / "client.py"
    file.write_text(f"HANDLER = 'prices:price'\ndef split(document):\n    return [1]\ndef merge(d, r):\n    {body}\n")
    shown = run(htcgrid)
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.splitlines()[-1].startswith(f"htcgrid: {error.format(file=file)}")
    assert "Traceback" not in shown.err
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_result_that_hides_a_failed_task_shows_why_it_failed(htcgrid: Command, example: Path, folder: Path) -> None:
    (folder / "in.json").write_text('{"prices": [1, "bad"]}')
    client = example / "client.py"
    client.write_text(client.read_text().replace("str(r).splitlines()[0] if isinstance(r, Exception) else r", "r"))
    shown = run(htcgrid)
    assert shown.status == 2
    assert "task 1 of session" in shown.err
    assert "EncodingError" in shown.err
    assert "1 of 2 tasks failed" in shown.err
    assert "what merge of" in shown.err.splitlines()[-1]


def test_a_result_that_stdout_does_not_take_is_told(example: Path) -> None:
    command = [sys.executable, "-P", "-m", "htcgrid.cli", "run", "example", "--input", "in.json", "--workers", "1"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "htcgrid: the result cannot be written to stdout: No space left on device"


def test_payloads_that_cannot_be_carried_are_told(htcgrid: Command, example: Path) -> None:
    client = example / "client.py"
    client.write_text("HANDLER = 'prices:price'\nsplit = lambda document: [1, split]\nmerge = list\n")
    assert run(htcgrid).error.startswith("task 1: a value of type function cannot be sent with codec 'json'")


def test_a_handler_that_is_missing_fails_every_task_with_the_reason(htcgrid: Command, example: Path) -> None:
    (example / "prices.py").unlink()
    shown = run(htcgrid)
    assert shown.status == 1
    assert f"the handler's file {example / 'prices.py'} does not exist on this machine" in shown.err
    assert shown.err.endswith("htcgrid: 3 of 3 tasks failed\n")


def test_the_demo_prices_a_portfolio_and_shows_where_the_time_went(htcgrid: Command) -> None:
    pytest.importorskip("QuantLib")
    shown = htcgrid("demo", "--trades", "30", "--workers", "2")
    assert shown.status == 0
    assert "An embedded grid with 2 workers prices 30 options with QuantLib." in shown.err
    for word in ("total", "tasks", "wall time", "worker utilisation", "queued", "ran", "committed", "fetched"):
        assert word in shown.out
    assert "…" not in shown.out


def test_the_demo_without_quantlib_says_what_to_install(htcgrid: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "QuantLib", None)
    assert htcgrid("demo").error == "the demo needs QuantLib: pip install 'htcgrid[demo]' installs it"
