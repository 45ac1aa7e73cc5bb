"""Providers are found by entry point and loaded by name, and one that is broken breaks no other."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from htcgrid.config import parse_config
from htcgrid.errors import ConfigError, ProviderError, ProviderNotFoundError
from htcgrid.plugins import installed_providers, load_installed, load_provider
from htcgrid.testing import MemoryPayloadStore

GOOD = """
from htcgrid.plugins import Provider, hookimpl
from htcgrid.testing import MemoryPayloadStore

@hookimpl
def htcgrid_provider():
    return Provider(name="{name}", payload_store=MemoryPayloadStore)
"""

CLASSES = """
from htcgrid.interfaces import PayloadStore
from htcgrid.plugins import Provider, hookimpl
from htcgrid.testing import MemoryPayloadStore, MemoryTaskQueue

class Half(PayloadStore):
    def put(self, blobs): ...
    def get(self, keys): ...

class NoSettings(Half):
    def delete(self, keys=(), *, prefix=None): ...
    @classmethod
    def open(cls, settings, source): ...

class WrongSettings(NoSettings):
    Settings = dict

class Shut(NoSettings):
    Settings = MemoryPayloadStore.Settings

@hookimpl
def htcgrid_provider():
    return Provider(name="acme", {offer})
"""

WRONG = (
    "provider 'acme' of htcgrid-acme: the entry point `acme = stranger_acme` must have a hook htcgrid_provider that "
    "returns Provider(name='acme', …), not"
)

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what puts a stranger's distribution on the path, as an installer would."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(name: str, source: str = GOOD, *, distribution: str = "", value: str = "", more: str = "") -> None:
        distribution = distribution or f"htcgrid-{name}"
        module = f"stranger_{name.replace(' ', '_')}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(source.replace("{name}", name))
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\nProvides-Extra: sdk\n"
        )
        (info / "entry_points.txt").write_text(f"[htcgrid]\n{name} = {value or module}\n{more}\n")

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
            f"{WRONG} NoneType: is the function decorated with @hookimpl?",
        ),
        (
            GOOD.replace("return Provider(", "return dict("),
            f"{WRONG} dict",
        ),
        (
            GOOD.replace("{name}", "other"),
            f"{WRONG} Provider(name='other', …)",
        ),
        (
            "import sys\nsys.exit('this service needs a licence')\n",
            "provider 'acme' of htcgrid-acme cannot be loaded: SystemExit: this service needs a licence",
        ),
        (
            "raise NotImplementedError\n",
            "provider 'acme' of htcgrid-acme cannot be loaded: NotImplementedError: without a message",
        ),
        (
            "raise ValueError('line one\\n\\n  line two')\n",
            "provider 'acme' of htcgrid-acme cannot be loaded: ValueError: line one line two (entry point `acme = ",
        ),
        (
            "def htcgrid_provider(:\n",
            "provider 'acme' of htcgrid-acme cannot be loaded: SyntaxError: ",
        ),
        (
            GOOD.replace("htcgrid_provider", "htcgrid_providr"),
            "provider 'acme' of htcgrid-acme cannot be loaded: PluginValidationError: unknown hook 'htcgrid_providr'",
        ),
        (
            GOOD.replace("provider():", "provider(settings):"),
            "provider 'acme' of htcgrid-acme cannot be loaded: PluginValidationError: ",
        ),
    ],
    ids=[
        "no SDK",
        "raises",
        "no SDK later",
        "hook raises",
        "no hook",
        "another type",
        "another name",
        "leaves",
        "says nothing",
        "says much",
        "no Python",
        "misspelt hook",
        "wrong hook",
    ],
)
def test_a_provider_that_is_not_right_is_told_by_name_and_distribution(
    install: Install, source: str, message: str
) -> None:
    install("acme", source)
    assert refusal("acme").startswith(message)


def test_the_answer_to_a_missing_sdk_is_the_command_that_installs_it(install: Install) -> None:
    install("sdk", "import no_such_sdk", distribution="htcgrid-acme")
    assert refusal("sdk").endswith("(entry point `sdk = stranger_sdk`); pip install 'htcgrid-acme[sdk]' installs it")


@pytest.mark.parametrize(
    ("offer", "message"),
    [
        ("payload_store=dict", "its payload_store dict must be a subclass of PayloadStore"),
        ("payload_store=MemoryTaskQueue", "its payload_store MemoryTaskQueue must be a subclass of PayloadStore"),
        ("payload_store=MemoryPayloadStore()", "its payload_store must be a subclass of PayloadStore, not <htcgrid"),
        ("payload_store=MemoryPayloadStore, task_queue='queue'", "its task_queue must be a subclass of TaskQueue, not"),
        ("payload_store=PayloadStore", "its payload_store PayloadStore has no delete, get, open, put"),
        ("payload_store=Half", "its payload_store Half has no delete, open"),
        ("payload_store=NoSettings", "its payload_store NoSettings has no Settings: a msgspec.Struct"),
        ("payload_store=WrongSettings", "its payload_store WrongSettings has no Settings: a msgspec.Struct"),
        ("", "it offers none of state_store, task_queue, payload_store, compute_backend"),
    ],
)
def test_a_class_that_does_not_implement_its_interface_is_told_before_it_is_used(
    install: Install, offer: str, message: str
) -> None:
    install("acme", CLASSES.replace("{offer}", offer))
    assert refusal("acme").startswith(
        f"provider 'acme' of htcgrid-acme (entry point `acme = stranger_acme`): {message}"
    )


def test_an_open_that_returns_something_else_is_told_with_its_table(install: Install) -> None:
    install("acme", CLASSES.replace("{offer}", "payload_store=Shut"))
    config = parse_config({"state": {"provider": "local"}, "payloads": {"provider": "acme"}})
    with pytest.raises(ProviderError, match=r"\[payloads\]: provider 'acme': Shut.open returned NoneType, not an open"):
        config.open_payloads()


@pytest.mark.parametrize("value", ["stranger_acme:nothing", "no_such_module_anywhere", "stranger acme"])
def test_an_entry_point_into_nowhere_is_told(install: Install, value: str) -> None:
    install("acme", value=value)
    message = refusal("acme")
    assert message.startswith("provider 'acme' of htcgrid-acme cannot be ")
    assert message.endswith(f"(entry point `acme = {value}`)")


@pytest.mark.parametrize("name", ["my service", "ácme", "-acme"])
def test_a_name_that_is_none_is_told(install: Install, name: str) -> None:
    install(name, distribution="htcgrid-acme", value="stranger_acme")
    assert f"(entry point `{name} = stranger_acme`): the name {name!r} is not usable: 1 to 80 letters" in refusal(name)


def test_two_providers_of_one_name_are_refused_and_both_named(install: Install) -> None:
    install("acme")
    install("acme", distribution="acme-too")
    message = refusal("acme")
    assert message.startswith("provider 'acme' is offered by ")
    assert "htcgrid-acme" in message
    assert "acme-too" in message
    assert message.endswith("uninstall all but one of them")


def test_nobody_takes_the_name_of_our_own_provider(install: Install) -> None:
    install("local", distribution="htcgrid-acme")
    assert load_provider("local").interfaces == ("state", "queue", "payloads", "compute")
    [stranger] = [installed for installed in installed_providers() if installed.distribution == "htcgrid-acme"]
    with pytest.raises(
        ProviderNotFoundError, match=r"'local' of htcgrid-acme .* the name is htcgrid's own; uninstall it"
    ):
        load_installed(stranger)


def test_one_distribution_may_have_two_providers(install: Install) -> None:
    two = "class Second:\n    @hookimpl\n    def htcgrid_provider(self):\n"
    two += "        return Provider(name='second', payload_store=MemoryPayloadStore)\nsecond = Second()\n"
    install("acme", GOOD + two, more="second = stranger_acme:second")
    assert [load_provider(name).name for name in ("acme", "second")] == ["acme", "second"]


def test_two_names_for_one_provider_are_refused_but_the_one_that_it_has_is_not(install: Install) -> None:
    install("acme", more="alias = stranger_acme")
    assert load_provider("acme").name == "acme"
    assert "that returns Provider(name='alias', …), not Provider(name='acme', …)" in refusal("alias")


def test_one_name_for_two_entry_points_of_one_distribution_is_refused(install: Install) -> None:
    install("acme", more="acme = stranger_acme:other")
    assert refusal("acme") == "provider 'acme' of htcgrid-acme is there 2 times: a name has one entry point"


def test_broken_providers_are_listed_with_their_reason_and_break_nobody_else(install: Install, tmp_path: Path) -> None:
    install("broken", "import sys\nsys.exit(3)\n")
    install("sdk", "import no_such_sdk")
    install("local", "raise SystemExit", distribution="htcgrid-thief")
    (tmp_path / "grid.toml").write_text('[state]\nprovider = "local"\npath = "grid"\n')

    def htcgrid(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "htcgrid.cli", *words]
        variables = os.environ | {"PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    listed = [json.loads(line) for line in htcgrid("providers", "--json").stdout.splitlines()]
    told = {(found["provider"], found["distribution"]): found["error"] for found in listed}
    assert told["local", "htcgrid"] is None
    assert "SystemExit: 3" in told["broken", "htcgrid-broken"]
    assert "No module named 'no_such_sdk'" in told["sdk", "htcgrid-sdk"]
    assert "the name is htcgrid's own" in told["local", "htcgrid-thief"]
    assert (htcgrid("status").returncode, htcgrid("status").stderr) == (0, "")
    (tmp_path / "grid.toml").write_text('[state]\nprovider = "broken"\n')
    used = htcgrid("status")
    assert used.returncode == 2
    assert used.stderr.startswith("htcgrid: ")
    assert "[state]: provider 'broken' of htcgrid-broken cannot be loaded: SystemExit: 3 (entry point" in used.stderr
    assert len(used.stderr.splitlines()) == 1


def test_a_name_that_nobody_offers_is_answered_with_those_that_are_there(install: Install) -> None:
    install("acme")
    known = "installed: 'acme', 'local', 'redis', 'redis-cache'"
    assert refusal("acne") == f"there is no provider 'acne'; {known}; did you mean 'acme'?"
    assert refusal("tape") == f"there is no provider 'tape'; {known}; 'pip install' the distribution that has it"
