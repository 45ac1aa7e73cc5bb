"""Clauses of payloads and results."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from htcgrid import Grid
from htcgrid.testing.grid.clauses import GridClauses
from htcgrid.testing.handlers import Side, Trade


class Carrying(GridClauses):
    """Payloads and results come through as they were, whatever their size."""

    def test_values_of_every_kind_come_back_as_they_were(self, grid: Grid) -> None:
        values: list[Any] = [
            None,
            True,
            0,
            -1,
            1 << 53,
            0.1,
            1e308,
            "",
            "Zürich ☂ \0",
            [],
            {},
            {"a": [None, {"b": []}]},
            (1, ("a", {2, 3})),
            {1: b"\0", (2, None): 1j},
            1 << 70,
            float("inf"),
            Decimal("1.50"),
            datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
            Side.BUY,
            Trade(side=Side.SELL, prices=(1.5, 2)),
        ]
        results = self.results(self.submit(grid, "echo", values))
        assert results == values
        assert list(map(type, results)) == list(map(type, values))

    def test_large_payloads_pass(self, grid: Grid) -> None:
        sizes = [self.large, 1, self.large + 1]
        assert self.results(self.submit(grid, "length", ["x" * size for size in sizes])) == sizes

    def test_large_results_pass(self, grid: Grid) -> None:
        tasks = [{"text": f"{index}", "times": self.large} for index in range(3)]
        assert self.results(self.submit(grid, "repeat", tasks)) == [str(index) * self.large for index in range(3)]

    def test_many_results_that_are_large_together_pass(self, grid: Grid) -> None:
        count = 200
        tasks = [{"text": f"{index:04}", "times": self.large // count} for index in range(count)]
        expected = [f"{index:04}" * (self.large // count) for index in range(count)]
        assert self.results(self.submit(grid, "repeat", tasks)) == expected

    def test_bytes_are_carried_as_they_are(self, grid: Grid) -> None:
        tasks = [b"", b"\0", bytes(range(256)), b"\xff" * self.large]
        session = self.submit(grid, "reverse", tasks, codec="bytes")
        assert self.results(session) == [task[::-1] for task in tasks]

    def test_json_carries_what_it_has(self, grid: Grid) -> None:
        tasks: list[Any] = [None, 1.5, "ü", {"a": [1, []]}]
        assert self.results(self.submit(grid, "echo", tasks, codec="json")) == tasks

    def test_msgpack_carries_what_json_cannot(self, grid: Grid) -> None:
        tasks = [float("inf"), b"\xff", {1: [b"\0", None]}]
        assert self.results(self.submit(grid, "echo", tasks, codec="msgpack")) == tasks

    def test_a_shared_input_is_had_by_every_task(self, grid: Grid, client: Grid) -> None:
        ref = client.put("x" * self.large)
        assert self.results(self.submit(grid, "length_of_shared", [ref] * 10)) == [self.large] * 10

    def test_a_shared_input_that_nobody_put_fails_its_task_at_the_first_try(self, grid: Grid) -> None:
        ref = grid.put("put under another name").replace(":shared-", ":shared-0")
        (outcome,) = self.submit(grid, "length_of_shared", [ref]).outcomes(timeout=self.patience)
        assert outcome.error is not None
        assert (outcome.tries, outcome.error.type) == (1, "PayloadLostError")

    def test_what_tasks_print_and_log_is_kept_as_the_session_says(self, grid: Grid) -> None:
        kept = {"all": [True, True], "failed": [False, True], "none": [False, False]}
        for output, expected in kept.items():
            session = self.submit(grid, "say", [7, -7], output=output)
            outcomes = sorted(session.outcomes(timeout=self.patience), key=lambda outcome: outcome.index)
            assert [outcome.error.type if outcome.error else None for outcome in outcomes] == [None, "TaskError"]
            assert [outcome.tries for outcome in outcomes] == [1, 1]
            for outcome, number, printed in zip(outcomes, (7, -7), expected, strict=True):
                assert outcome.stdout == (f"printed {number}\n" if printed else "")
                assert outcome.stderr.endswith(f"logged {number}\n" if printed else "")
