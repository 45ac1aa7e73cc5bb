"""The local provider at the door that all providers enter by."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pluggy
import pytest

import htcgrid.local
from htcgrid.config import parse_config
from htcgrid.errors import ConfigError
from htcgrid.interfaces import ComputeBackend, PayloadStore, Provided, StateStore, TaskQueue
from htcgrid.plugins import GROUP, Provider, ProviderHook


@pytest.fixture
def provider() -> Provider:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(ProviderHook)
    manager.register(htcgrid.local, "local")
    provider = manager.hook.htcgrid_provider()
    assert isinstance(provider, Provider)
    return provider


def test_it_offers_all_four_interfaces(provider: Provider) -> None:
    assert provider.name == "local"
    assert provider.interfaces == ("state", "queue", "payloads", "compute")


def test_finding_it_imports_nothing_heavy() -> None:
    code = "import sys, htcgrid.local; print(*sorted({'sqlite3', 'subprocess', 'fcntl'} & set(sys.modules)))"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert imported.stdout.strip() == ""


@pytest.fixture
def loaded(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let grid.toml find the provider, also where htcgrid is not installed."""
    monkeypatch.setattr("htcgrid.config.load_provider", lambda name: provider)


@pytest.mark.usefixtures("loaded")
def test_one_table_opens_all_of_it_in_one_folder(tmp_path: Path) -> None:
    config = parse_config({"state": {"provider": "local", "path": "data"}}, file=tmp_path / "grid.toml")
    opened: list[Provided] = [config.open_state(), config.open_queue(), config.open_payloads(), config.open_compute()]
    for provided, interface in zip(opened, (StateStore, TaskQueue, PayloadStore, ComputeBackend), strict=True):
        with closing(provided):
            assert isinstance(provided, interface)
    assert (tmp_path / "data" / "grid.db").is_file()


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "missing key `path`"),
        ({"path": " "}, "`path` must name a folder"),
        ({"path": 7}, "Expected `str`, got `int`"),
        ({"path": "data", "patience": 0}, "`patience` must be more than 0"),
        ({"path": "data", "workers": 0}, "`workers` must be from 1 to 1024, not 0"),
        ({"path": "data", "bucket": "b"}, "unknown key 'bucket'"),
    ],
)
def test_settings_that_are_not_right_are_told_with_table_and_key(
    tmp_path: Path, values: Mapping[str, object], message: str
) -> None:
    config = parse_config({"state": {"provider": "local", **values}}, folder=tmp_path)
    with pytest.raises(ConfigError, match=message) as raised:
        config.open_state()
    assert "[state]" in str(raised.value)
