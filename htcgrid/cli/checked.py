"""A grid.toml that was checked without touching any service: what it comes to, and all that is wrong with it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from htcgrid.config import (
    INTERFACES,
    AgentSettings,
    check_table,
    for_clients,
    from_environment,
    no_state,
    offer_of,
    to_settings,
    unknown_key,
)
from htcgrid.document import brief, read_document, shown_path
from htcgrid.errors import ConfigError, HtcGridError, ProviderNotFoundError
from htcgrid.plugins import installed_providers
from htcgrid.secrets import Secrets, is_reference, variable

#: A password in a URL, which stands in the file itself.
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


class CheckedTable(msgspec.Struct, frozen=True, kw_only=True):
    """What a table comes to."""

    #: Without brackets.
    table: str
    #: Who serves it, and the distribution that it comes with; None for ``[agent]`` and where nobody does.
    provider: str | None = None
    distribution: str | None = None
    #: Whether it is left out of the file, so that it takes what ``[state]`` says.
    left_out: bool = False
    #: By key, as the file says it: a value from the environment is not read into this.
    settings: dict[str, Any] = {}
    #: The keys that the file leaves out, with what holds instead.
    defaults: dict[str, Any] = {}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong."""

    #: Without brackets; None when it is the file.
    table: str | None
    #: None when it is the table, or several keys.
    key: str | None = None
    #: With the file, the table and the key.
    message: str
    #: Whether it matters to agents only, which may run on another machine.
    agents: bool = False


class CheckedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a file comes to, as far as it is right."""

    file: Path
    document: dict[str, Any]
    tables: list[CheckedTable]
    problems: list[Problem]


def checked_config(file: Path) -> CheckedConfig:
    """Check a grid.toml, table by table and key by key.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    document = read_document(file)
    checker = _Checker(shown_path(file.absolute()), document)
    return CheckedConfig(file=file, document=document, tables=list(checker.tables()), problems=checker.problems)


def shown_value(value: object) -> str:
    """Return a setting's value as in TOML, without a password that stands in a URL."""
    if value is None:
        return "none"
    if isinstance(value, Mapping) and value:
        return f"{{ {', '.join(f'{key} = {shown_value(item)}' for key, item in value.items())} }}"
    return json.dumps(without_passwords(value), ensure_ascii=False, default=str)


def without_passwords(value: Any) -> Any:
    """Return a setting's value without passwords that stand in URLs."""
    if isinstance(value, Mapping):
        return {key: without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_passwords(item) for item in value]
    return _PASSWORD.sub(r"\1…@", value) if isinstance(value, str) else value


class _Checker:
    """Goes through a document, and gathers what is wrong."""

    def __init__(self, file: str, document: dict[str, Any]) -> None:
        self._file = file
        self._document = document
        self._secrets = Secrets(document)
        self.problems: list[Problem] = []

    def tables(self) -> Iterator[CheckedTable]:
        """Yield what each table comes to."""
        right = {table for table, values in self._document.items() if self._is_right(table, values)}
        if "state" not in self._document:
            self.problems.append(Problem(table="state", message=str(no_state(self._file))))
        for table in INTERFACES:
            if table in right or (table not in self._document and "state" in right):
                yield self._provided(table)
        if "agent" in right or "agent" not in self._document:
            values = self._document.get("agent", {})
            checked = self._settings(
                "agent", dict(for_clients(values)), AgentSettings, left_out="agent" not in self._document
            )
            yield msgspec.structs.replace(checked, settings=values)
            self._look_for_what_agents_need(values)

    def _look_for_what_agents_need(self, values: dict[str, Any]) -> None:
        where = self._where("agent")
        environment = values.get("environment")
        for name, value in environment.items() if isinstance(environment, dict) else ():
            if is_reference(value) and variable(value["env"]) is None:
                message = (
                    f"{where}: 'environment': the variable {value['env']!r} for {name} is not set here; agents need it"
                )
                self.problems.append(Problem(table="agent", key="environment", message=message, agents=True))

    def _is_right(self, table: str, values: object) -> bool:
        try:
            check_table(table, values, self._file)
        except ConfigError as error:
            self._add(table, error)
            return False
        return True

    def _provided(self, table: str) -> CheckedTable:
        left_out = table not in self._document
        values = dict(self._document["state" if left_out else table])
        name = values.pop("provider")
        found = CheckedTable(table=table, provider=name, left_out=left_out)
        try:
            offer = offer_of(name, table, INTERFACES[table], self._where(table))
        except (ConfigError, ProviderNotFoundError) as error:
            offers_none = isinstance(error, ConfigError)
            if offers_none and left_out and table == "compute":
                # Agents are started by hand, then.
                return msgspec.structs.replace(found, provider=None)
            # That the provider of [state] is not there is told once.
            if offers_none or not left_out:
                self._add(table, error)
            return found
        told = len(self.problems)
        checked = self._settings(table, values, offer.Settings, left_out=left_out)
        if left_out:
            del self.problems[told:]
        distribution = next((each.distribution for each in installed_providers() if each.name == name), None)
        return msgspec.structs.replace(checked, provider=name, distribution=distribution)

    def _settings(
        self, table: str, values: dict[str, Any], settings: type[msgspec.Struct], *, left_out: bool
    ) -> CheckedTable:
        where = self._where(table)
        told = len(self.problems)
        fields = {field.encode_name: field for field in msgspec.structs.fields(settings)}
        for key, value in values.items():
            if key not in fields:
                self._add(table, ConfigError(unknown_key(key, fields, where)), key)
            else:
                self._check_value(table, key, value, fields[key].type)
        for key in (key for key, field in fields.items() if field.required and key not in values):
            self._add(table, ConfigError(f"{where}: missing key `{key}`"), key)
        if len(self.problems) == told:
            # What the keys must be together.
            try:
                to_settings(values, settings, where)
            except ConfigError as error:
                self._add(table, error)
        left = {key: field for key, field in fields.items() if key not in values and not field.required}
        return CheckedTable(
            table=table,
            left_out=left_out,
            settings=values,
            defaults={key: _default(field) for key, field in left.items()},
        )

    def _check_value(self, table: str, key: str, value: object, kind: object) -> None:
        where = self._where(table)
        try:
            found = from_environment({key: value}, where)[key]
            msgspec.convert(found, kind, strict=True)
        except ConfigError as error:
            self._add(table, error, key)
        except (ValueError, ArithmeticError) as error:
            # Beside msgspec's own: bytes that are no text.
            self._add(table, ConfigError(f"{where}: {error} - key `{key}`"), key)

    def _where(self, table: str) -> str:
        return f"{self._file}: [{table}]"

    def _add(self, table: str, error: HtcGridError, key: str | None = None) -> None:
        message = brief(self._secrets.hidden(str(error), self._where(table)))
        self.problems.append(Problem(table=table, key=key, message=message))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
