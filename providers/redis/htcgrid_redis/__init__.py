"""The provider for Redis 7 and Valkey 8: state, hints and payloads on a server, one with replicas, or a cluster."""

from htcgrid.plugins import Provider, hookimpl

_EXAMPLE = """\
# A grid on Redis 7 or Valkey 8: state, hints and payloads on one server, clients and agents on any machine.
[state]
provider = "redis"
url = "redis://127.0.0.1:6379"
# With TLS: "rediss://redis.example.com:6379". Of a Redis Cluster any node, and cluster = true.
# The user and the password come from the environment of whoever reads this file.
# username = "htcgrid"
# password = { env = "REDIS_PASSWORD" }
# All keys begin with this word: several grids share a server under different ones.
name = "htcgrid"
# How many replicas must have a write before it counts.
# replicas = 1

[agent]
# What agents may run: module:function, with * for all.
handlers = ["pricing:*"]
# Folders of the modules, beside this file, on each machine that runs agents.
path = ["."]
"""


@hookimpl
def htcgrid_provider() -> Provider:
    """Return the provider. The SDK is imported by this, so that finding the provider needs none."""
    from htcgrid_redis.payloads import RedisPayloadStore  # noqa: PLC0415
    from htcgrid_redis.queue import RedisTaskQueue  # noqa: PLC0415
    from htcgrid_redis.state import RedisStateStore  # noqa: PLC0415

    return Provider(
        name="redis",
        state_store=RedisStateStore,
        task_queue=RedisTaskQueue,
        payload_store=RedisPayloadStore,
        example=_EXAMPLE,
    )
