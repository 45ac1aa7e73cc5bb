"""Clauses of payloads and results."""

from datetime import UTC, datetime
from typing import Any

from htcgrid import Grid
from htcgrid.testing.grid.clauses import GridClauses


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
        ]
        assert self.results(self.submit(grid, "echo", values)) == values

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

    def test_msgpack_carries_what_json_cannot(self, grid: Grid) -> None:
        tasks = [float("inf"), b"\xff", {1: [b"\0", None]}, datetime(2026, 1, 2, tzinfo=UTC)]
        assert self.results(self.submit(grid, "echo", tasks, codec="msgpack")) == tasks
