"""The provider ``redis-cache``: Redis as a cache over another payload store."""

from htcgrid.plugins import Provider, hookimpl


@hookimpl
def htcgrid_provider() -> Provider:
    """Return the provider."""
    from htcgrid_redis.cache import CachedPayloadStore  # noqa: PLC0415

    return Provider(name="redis-cache", payload_store=CachedPayloadStore)
