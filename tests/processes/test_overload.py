"""Many clients and sessions at once; `python -m tests.processes.overload` has 200 clients and 50,000 sessions."""

from pathlib import Path

from tests.processes.overload import run


def test_many_sessions_of_many_clients_end_and_the_urgent_one_goes_first(tmp_path: Path) -> None:
    load = run(tmp_path, clients=100, sessions=10)
    assert load.sessions == 1000
    assert load.behind > 500
    assert load.agent_megabytes < 150
    assert load.client_megabytes < 250
    # Its results are 200 MB.
    assert load.reader_megabytes < 120
