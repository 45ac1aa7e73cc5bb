"""Providers are found by entry point and loaded by name, and one that is broken breaks no other."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from htcgrid.config import parse_config
from htcgrid.errors import ConfigError, ProviderNotFoundError
from htcgrid.plugins import installed_providers, load_provider
from htcgrid.testing import MemoryPayloadStore

GOOD = """
from htcgrid.plugins import Provider, hookimpl
from htcgrid.testing import MemoryPayloadStore

@hookimpl
def htcgrid_provider():
    return Provider(name="{name}", payload_store=MemoryPayloadStore)
"""

WRONG = (
    "provider 'acme' of htcgrid-acme: the entry point 'stranger_acme' must have a hook htcgrid_provider that "
    "returns Provider(name='acme', …), not"
)

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what puts a stranger's distribution on the path, as an installer would."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(name: str, source: str = GOOD, *, distribution: str = "", value: str = "") -> None:
        distribution = distribution or f"htcgrid-{name}"
        module = f"stranger_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(source.replace("{name}", name))
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\nProvides-Extra: sdk\n"
        )
        (info / "entry_points.txt").write_text(f"[htcgrid]\n{name} = {value or module}\n")

    return installed


def refusal(name: str) -> str:
    with pytest.raises(ProviderNotFoundError) as told:
        load_provider(name)
    return str(told.value)


def test_our_own_provider_enters_by_the_same_door() -> None:
    assert "local" in {installed.name for installed in installed_providers()}
    assert load_provider("local").interfaces == ("state", "queue", "payloads", "compute")


def test_a_strangers_provider_is_found_by_its_name(install: Install) -> None:
    install("acme")
    provider = load_provider("acme")
    assert provider.interfaces == ("payloads",)
    assert provider.payload_store is MemoryPayloadStore


def test_a_grid_is_made_of_tables_of_several_providers(install: Install) -> None:
    install("acme")
    config = parse_config({"state": {"provider": "local", "path": "unused"}, "payloads": {"provider": "acme"}})
    assert isinstance(config.open_payloads(), MemoryPayloadStore)


def test_a_table_of_a_provider_that_does_not_offer_it_is_refused(install: Install) -> None:
    install("acme")
    config = parse_config({"state": {"provider": "acme"}})
    with pytest.raises(ConfigError, match=r"\[state\]: provider 'acme' offers no StateStore, only payloads: name anot"):
        config.open_state()
    with pytest.raises(ConfigError, match=r"\[queue\]: provider 'acme' offers no TaskQueue"):
        config.open_queue()


def test_listing_loads_nothing(install: Install) -> None:
    install("acme", "raise SystemExit('it was loaded')")
    assert "acme" in {installed.name for installed in installed_providers()}


def test_loading_one_provider_loads_no_other(install: Install) -> None:
    install("acme")
    install("broken", "raise SystemExit('it was loaded')")
    load_provider("acme")
    load_provider("local")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import no_such_sdk",
            "provider 'acme' of htcgrid-acme cannot be imported: No module named 'no_such_sdk'",
        ),
        (
            "raise RuntimeError('no licence')",
            "provider 'acme' of htcgrid-acme cannot be loaded: RuntimeError: no licence",
        ),
        (
            "from htcgrid.plugins import hookimpl\n@hookimpl\ndef htcgrid_provider():\n    import no_such_sdk\n",
            "provider 'acme' of htcgrid-acme cannot be imported: No module named 'no_such_sdk'",
        ),
        (
            "from htcgrid.plugins import hookimpl\n@hookimpl\ndef htcgrid_provider():\n    1 / 0\n",
            "provider 'acme' of htcgrid-acme cannot be loaded: ZeroDivisionError: division by zero",
        ),
        (
            "def htcgrid_provider():\n    return None\n",
            f"{WRONG} NoneType",
        ),
        (
            GOOD.replace("{name}", "other"),
            f"{WRONG} Provider(name='other', …)",
        ),
        (
            GOOD.replace("provider():", "provider(settings):"),
            "provider 'acme' of htcgrid-acme cannot be loaded: PluginValidationError: ",
        ),
    ],
    ids=["no SDK", "raises", "no SDK later", "hook raises", "no hook", "another name", "wrong hook"],
)
def test_a_provider_that_is_not_right_is_told_by_name_and_distribution(
    install: Install, source: str, message: str
) -> None:
    install("acme", source)
    assert refusal("acme").startswith(message)


def test_the_answer_to_a_missing_sdk_is_the_command_that_installs_it(install: Install) -> None:
    install("sdk", "import no_such_sdk", distribution="htcgrid-acme")
    assert refusal("sdk").endswith("No module named 'no_such_sdk'; pip install 'htcgrid-acme[sdk]' installs it")


def test_an_entry_point_into_nowhere_is_told(install: Install) -> None:
    install("acme", value="stranger_acme:nothing")
    assert "AttributeError" in refusal("acme")


def test_two_providers_of_one_name_are_refused_and_both_named(install: Install) -> None:
    install("acme")
    install("acme", distribution="acme-too")
    message = refusal("acme")
    assert message.startswith("provider 'acme' is offered by ")
    assert "htcgrid-acme" in message
    assert "acme-too" in message
    assert message.endswith("uninstall all but one of them")


def test_a_name_that_nobody_offers_is_answered_with_those_that_are_there(install: Install) -> None:
    install("acme")
    assert refusal("acne") == (
        "there is no provider 'acne'; installed: 'acme', 'local'; 'pip install' the distribution that has it"
    )
