"""Ids, cursors and configurations of any kind, handed to the Python API: an error of the grid, in a few words."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid
from htcgrid.errors import HtcGridError

_NAMES: tuple[Any, ...] = (
    *(
        "",
        "\0",
        "a\0b",
        "\ud800",
        "x" * 100_000,
        "../..",
        "\n",
        "%",
        "*",
        "a/b",
        "{}",
        "\u202e",
        "\u00e9",
        "\U0010ffff",
    ),
    *(b"x", 1, -1, 1.5, float("nan"), 10**5000, True, ["a"], {"a": 1}, object(), lambda: None),
)
_CURSORS = (
    *("x", "\0", "\ud800", "9" * 5000, "-1", "1.5", "nan", "1e999", "\u00b2", "\u0663", "[" * 5000, "null"),
    *("x" * 1_000_000, "0:0:0", ":", ",", "1,2,3,4", "\n", "AAAA", "====", "0x10", "1_0", str(2**63), str(2**64)),
)


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    """A grid without agents."""
    with Grid.open({"state": {"provider": "local", "path": str(tmp_path / "state")}}) as opened:
        yield opened


def _told(call: Callable[[], object]) -> None:
    """Hold that a call succeeds, or is refused in a few words."""
    told = "it is done"
    try:
        call()
    except HtcGridError as error:
        told = str(error)
    except (TypeError, ValueError) as error:
        pytest.fail(f"{type(error).__name__}: {error}")
    assert 0 < len(told) < 2000, told[:5000]


@pytest.mark.parametrize("name", _NAMES, ids=range(len(_NAMES)))
def test_no_name_is_refused_but_in_words(grid: Grid, name: Any) -> None:
    session = grid.submit("work:echo", [1])
    _told(lambda: grid.session(name))
    _told(lambda: grid.origins(name))
    _told(lambda: grid.retry(name))
    _told(lambda: grid.retry(session.id, id=name))
    _told(lambda: grid.submit("work:echo", [1], id=name))
    _told(lambda: grid.submit("work:echo", [1], pool=name))
    _told(lambda: grid.submit("work:echo", [1], labels={"desk": name}))
    _told(lambda: list(grid.sessions(handler=name)))
    _told(lambda: list(grid.sessions(labels={"desk": name})))
    _told(lambda: list(grid.sessions(since=name)))
    _told(lambda: list(grid.agents(pool=name)))


@pytest.mark.parametrize("cursor", _CURSORS, ids=range(len(_CURSORS)))
def test_no_cursor_is_refused_but_in_words(grid: Grid, cursor: str) -> None:
    session = grid.submit("work:echo", [1])
    state = grid._state
    _told(lambda: state.outcomes(session.id, cursor))
    _told(lambda: state.bundles(session.id, cursor))
    _told(lambda: state.submitted(session.id, cursor))
    _told(lambda: state.sessions(cursor))
    _told(lambda: state.agents(cursor))


def test_no_configuration_is_refused_but_in_words(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    mixed: dict[Any, Any] = {"provider": "local", "path": path, 1: 2}
    within: dict[str, Any] = {"provider": "local", "path": str(tmp_path)}
    within["within"] = within
    endless: list[Any] = []
    endless.append(endless)
    state = {"provider": "local", "path": str(tmp_path / "state")}
    configs: tuple[Any, ...] = (
        *(1, b"x", object(), [], "\0", "\ud800", "", "x" * 5000, "~nobody-at-all/grid.toml", Path("~nobody-at-all")),
        *(
            {},
            {1: 2},
            {"state": {}},
            {"state": within},
            {"state": mixed},
            {"state": {**state, "patience": 10**5000}},
        ),
        *(
            {"state": {**state, "path": path}}
            for path in ("~nobody-at-all", "\0", "\ud800", b"a", 10**5000, object(), None)
        ),
        *({"state": state, "agent": {"handlers": value}} for value in (endless, object(), "\ud800", {1: 2})),
        *({"state": {"provider": value}} for value in ("\ud800", "\0", "x" * 100_000)),
    )
    for config in configs:
        with suppress(HtcGridError):
            Grid.open(config).close()
