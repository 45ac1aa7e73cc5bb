"""A provider of htcgrid: task queue and payload store on a folder that several machines share."""

from htcgrid.plugins import Provider, hookimpl


@hookimpl
def htcgrid_provider() -> Provider:
    """Return the provider. What needs an SDK is imported by this, so that finding the provider needs none."""
    from htcgrid_folder.payloads import FolderPayloadStore  # noqa: PLC0415
    from htcgrid_folder.queue import FolderTaskQueue  # noqa: PLC0415

    return Provider(name="folder", task_queue=FolderTaskQueue, payload_store=FolderPayloadStore)
