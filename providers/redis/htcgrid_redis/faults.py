"""The errors of the server and of the way to it, as those of the grid."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from htcgrid.errors import ConfigError, HtcGridError, ProviderError, ProviderUnavailableError

#: What a server says that cannot serve now, by the first word of its message.
_PASSING = {
    "BUSY": "it runs another script",
    "CLUSTERDOWN": "the cluster does not serve all keys now",
    "LOADING": "it loads its data",
    "MASTERDOWN": "its primary is down",
    "MISCONF": "it cannot write its data to disk",
    "NOREPLICAS": "too few replicas follow it",
    "OOM": "its memory is used up: raise its `maxmemory`, or let sessions be kept for a shorter time",
    "READONLY": "it is a replica: its primary is another one now",
    "TRYAGAIN": "the cluster moves these keys now",
    "UNBLOCKED": "its role changed, or somebody ended the wait",
}
#: The first words of errors for which trying again helps only after a change, and which one.
_LASTING = {
    "MOVED": "it is part of a cluster: set `cluster = true`",
    "CROSSSLOT": "it is part of a cluster: set `cluster = true`",
    "NOAUTH": "it wants a password: set `password`",
    "WRONGPASS": "it refuses user name and password",
    "NOPERM": "the user lacks a right; docs/how-to/redis.md lists what the grid needs",
}


@contextmanager
def translated(server: str) -> Iterator[None]:
    """Raise what goes wrong inside as an error of the grid that names the server and says what to do.

    Whoever gets one does not know whether the call took effect, as with every provider.
    """
    try:
        yield
    except HtcGridError:
        raise
    except exceptions.RedisError as error:
        raise as_ours(error, server) from error
    except exceptions.RedisClusterException as error:
        raise _of_a_cluster(error, server) from error
    except UnicodeEncodeError as error:
        letter = f"U+{ord(error.object[error.start]):04X}"
        raise ConfigError(
            f"a name for Redis at {server} has half a letter ({letter}), which UTF-8 has not: look at ids, user and "
            "password"
        ) from error
    except OSError as error:
        raise ProviderUnavailableError(f"Redis at {server} cannot be reached: {error.strerror or error}") from error


def as_ours(error: exceptions.RedisError, server: str) -> ProviderError:
    """Return the error of the grid for one of the SDK."""
    message = " ".join(str(error).split())
    word = message.split(" ", 1)[0].rstrip(":")
    for kind, name in _KINDS.items():
        if isinstance(error, kind):
            word = name
    if isinstance(error, exceptions.AuthenticationError) and ("NOAUTH" in message or "HELLO must be" in message):
        word = "NOAUTH"
    if isinstance(error, exceptions.InvalidResponse) or message.startswith("Protocol error"):
        return ProviderError(f"what answers at {server} is no Redis: look at the port in `url` ({message})")
    if word in _LASTING:
        return ProviderError(f"Redis at {server}: {_LASTING[word]} ({message})")
    if word in _PASSING:
        return ProviderUnavailableError(f"Redis at {server}: {_PASSING[word]} ({message})")
    if isinstance(error, exceptions.TimeoutError):
        return ProviderUnavailableError(f"Redis at {server} does not answer in time ({message})")
    if isinstance(error, exceptions.ConnectionError):
        return ProviderUnavailableError(f"Redis at {server} cannot be reached ({message})")
    return ProviderError(f"Redis at {server} answered with an error: {message or type(error).__name__}")


def _of_a_cluster(error: exceptions.RedisClusterException, server: str) -> ProviderError:
    """Return the error of the grid for one of how the SDK finds the nodes of a cluster, which are of another kind."""
    cause = error.__cause__
    if isinstance(cause, exceptions.RedisError):
        return as_ours(cause, server)
    if "Cluster mode is not enabled" in str(error):
        return ProviderError(f"Redis at {server} is no cluster: leave `cluster` out ({error})")
    return ProviderUnavailableError(f"Redis at {server}: {_PASSING['CLUSTERDOWN']} ({error})")


#: Errors whose message the SDK has cut or replaced, and what they stand for; the last that fits counts.
_KINDS: dict[type[exceptions.RedisError], str] = {
    # Each node that it asked sent it on to another.
    exceptions.ClusterError: "TRYAGAIN",
    exceptions.AuthenticationError: "WRONGPASS",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.MovedError: "MOVED",
    exceptions.TryAgainError: "TRYAGAIN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.MasterDownError: "MASTERDOWN",
}
