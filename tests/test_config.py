"""grid.toml as a file or a mapping: what is found, filled in, resolved and refused."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from htcgrid.config import AgentSettings, find_config, parse_config, read_config, seconds
from htcgrid.errors import ConfigError, ProviderNotFoundError
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import defaults


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HTCGRID_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def local(**keys: Any) -> dict[str, Any]:
    return {"provider": "local", "path": "grid"} | keys


def written(folder: Path, text: str) -> Path:
    file = folder / "grid.toml"
    file.write_text(text)
    return file


def test_without_a_file_or_a_variable_no_config_is_found() -> None:
    assert find_config() is None


def test_a_folder_of_the_name_is_no_config(here: Path) -> None:
    (here / "grid.toml").mkdir()
    assert find_config() is None


def test_the_variable_wins_over_the_file_that_stands_here(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(here, "")
    assert find_config() == Path("grid.toml")
    monkeypatch.setenv("HTCGRID_CONFIG", "/elsewhere/named.toml")
    assert find_config() == Path("/elsewhere/named.toml")


def test_an_empty_variable_is_as_good_as_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTCGRID_CONFIG", "")
    assert find_config() is None
    written(here, "")
    assert find_config() == Path("grid.toml")


def test_a_config_that_is_a_folder_says_so(here: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_config(here)


def test_a_table_that_is_left_out_takes_that_of_state(here: Path) -> None:
    config = read_config(written(here, "[state]\nprovider = 'local'\npath = 'there'"))
    with closing(config.open_state()), closing(config.open_queue()), closing(config.open_payloads()):
        pass
    assert (here / "there" / "grid.db").is_file()
    assert {entry.name for entry in here.iterdir()} == {"grid.toml", "there"}


def test_each_table_may_name_its_own(here: Path) -> None:
    config = parse_config({"state": local(path="one"), "payloads": local(path="two")})
    with closing(config.open_payloads()) as payloads:
        payloads.put({"s/big": b"x" * 100_000})
    assert (here / "two").is_dir()
    assert not (here / "one").exists()


def test_relative_paths_start_at_the_file_and_not_where_the_process_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a").mkdir()
    (here / "b").mkdir()
    file = written(here / "a", "[state]\nprovider = 'local'\npath = 'grid'")
    monkeypatch.chdir(here / "b")
    config = read_config(Path("../a/grid.toml"))
    assert file.samefile(config.file or "")
    with closing(config.open_state()):
        assert (here / "a" / "grid" / "grid.db").is_file()


def test_nothing_is_opened_by_reading(here: Path) -> None:
    parse_config({"state": local()})
    assert list(here.iterdir()) == []


def test_an_agent_that_is_not_described_has_the_documented_defaults() -> None:
    settings = parse_config({"state": local()}).agent
    assert settings == AgentSettings()
    assert (seconds(settings.lease), seconds(settings.target)) == (defaults.LEASE, defaults.TARGET)
    assert (settings.handlers, settings.workers, settings.reaper) == ([], None, True)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"configuration: the table \[state\] is missing; the smallest grid is"),
        ({"state": local(), "compte": {}}, r"unknown table \[compte\]; there are \[state\], \[queue\]"),
        ({"state": []}, r"'state' must be a table, \[state\]"),
        ({"state": local(), "queue": {}}, r"\[queue\]: the key 'provider' is missing"),
        ({"state": local(), "agent": {"lease": "30"}}, r"\[agent\]: Expected `float`, got `str` - key `lease`"),
        ({"state": local(), "agent": {"lease": 0}}, r"\[agent\]: `lease` must be more than 0"),
        ({"state": local(), "agent": {"lease": float("nan")}}, r"\[agent\]: `lease` must be more than 0"),
        ({"state": local(), "agent": {"grace": float("nan")}}, r"\[agent\]: `grace` must be from 0 to 86400 seconds"),
        ({"state": local(), "agent": {"grace": float("inf")}}, r"\[agent\]: `grace` must be from 0 to 86400 seconds"),
        ({"state": local(), "agent": {"target": -1}}, r"\[agent\]: `target` must be more than 0"),
        ({"state": local(), "agent": {"flush": -1}}, r"\[agent\]: `flush` must be from 0 to 86400 seconds"),
        (
            {"state": local(), "agent": {"handlers": ["risk"]}},
            r"\[agent\]: `handlers`: 'risk' matches no handler: they are",
        ),
        ({"state": local(), "agent": {"nice": 20}}, r"\[agent\]: `nice` must be from 0 to 19, not 20"),
        ({"state": local(), "agent": {"workers": 0}}, r"\[agent\]: `workers` must be from 1 to 1024, not 0"),
        ({"state": local(), "agent": {"reaper": "no"}}, r"\[agent\]: Expected `bool`, got `str` - key `reaper`"),
        ({"state": local(), "agent": {"pool": ""}}, r"\[agent\]: `pool` '' is not usable: 1 to 80 letters"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_table(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(document)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"path": 3}, r"\[state\]: Expected `str`, got `int` - key `path`"),
        ({"path": " "}, r"\[state\]: `path` must name a folder"),
        ({"paht": "x"}, r"\[state\]: unknown key 'paht'; it may have grace, lifeline, mode, path, patience, workers"),
        ({"patience": float("nan")}, r"\[state\]: `patience` must be more than 0"),
        ({"path": {"env": "NOT_SET_ANYWHERE"}}, r"'path': the environment variable 'NOT_SET_ANYWHERE' is not set"),
        ({"path": {"env": 5}}, r"'path': env must be the name of an environment variable, not 5"),
        ({"path": {"env": "A", "or": "B"}}, r"\[state\]: Expected `str`, got `object` - key `path`"),
    ],
    ids=str,
)
def test_a_providers_settings_are_checked_when_it_is_opened(keys: dict[str, Any], message: str) -> None:
    config = parse_config({"state": local(**keys)})
    with pytest.raises(ConfigError, match=message):
        config.open_state()


def test_a_provider_that_is_not_installed_is_its_own_kind_of_error() -> None:
    told = r"configuration: \[state\]: there is no provider 'gcp'; installed: 'local', "
    with pytest.raises(ProviderNotFoundError, match=told):
        parse_config({"state": {"provider": "gcp"}}).open_state()


def test_a_value_can_come_from_the_environment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRID_FOLDER", "named-outside")
    config = parse_config({"state": local(path={"env": "GRID_FOLDER"}), "agent": {"path": [{"env": "GRID_FOLDER"}]}})
    store = config.open_state()
    store.close()
    assert isinstance(store, SqliteStateStore)
    assert (here / "named-outside" / "grid.db").is_file()
    assert config.agent.path == ["named-outside"]


def test_the_environment_is_read_when_a_table_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config({"state": local(path={"env": "GRID_FOLDER"})})
    monkeypatch.setenv("GRID_FOLDER", "late")
    config.open_state().close()


def test_what_workers_take_from_the_environment_is_asked_of_agents_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"TZ": "UTC", "TOKEN": {"env": "MARKET_TOKEN"}}
    config = parse_config({"state": local(), "agent": {"environment": variables}})
    assert config.agent.environment == {"TZ": "UTC"}
    with pytest.raises(ConfigError, match="'TOKEN': the environment variable 'MARKET_TOKEN' is not set"):
        config.agent_settings()
    monkeypatch.setenv("MARKET_TOKEN", "hunter2")
    assert config.agent_settings().environment == {"TZ": "UTC", "TOKEN": "hunter2"}


def test_a_secret_is_shown_neither_by_the_config_nor_by_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    config = parse_config({"state": local(workers={"env": "SECRET"})})
    assert "hunter2" not in repr(config)
    with pytest.raises(ConfigError, match="Expected `int") as told:
        config.open_state()
    assert "hunter2" not in str(told.value)
