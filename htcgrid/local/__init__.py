"""The provider that needs nothing installed: a grid in one folder, shared by the processes of one machine."""

from htcgrid.plugins import Provider, hookimpl

_EXAMPLE = """\
# A grid on this machine: clients and agents that use this file share its folder.
[state]
provider = "local"
path = "grid"

[agent]
# What agents may run: module:function, with * for all.
handlers = ["pricing:*"]
# Folders of the modules, beside this file.
path = ["."]
"""


@hookimpl
def htcgrid_provider() -> Provider:
    """Return the provider. SQLite and the rest are imported by this, so that finding the provider costs nothing."""
    from htcgrid.local.compute import ProcessComputeBackend  # noqa: PLC0415
    from htcgrid.local.payloads import FilePayloadStore  # noqa: PLC0415
    from htcgrid.local.queue import SqliteTaskQueue  # noqa: PLC0415
    from htcgrid.local.state import SqliteStateStore  # noqa: PLC0415

    return Provider(
        name="local",
        state_store=SqliteStateStore,
        task_queue=SqliteTaskQueue,
        payload_store=FilePayloadStore,
        compute_backend=ProcessComputeBackend,
        example=_EXAMPLE,
    )
