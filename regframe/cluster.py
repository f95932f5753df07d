"""A Dask cluster: found or made, and why a task of it failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regframe.errors import ConfigurationError, RegframeError, printable

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def connected(client: Client | None) -> Iterator[Client]:
    """Yield the client that is meant, or one of a cluster that goes with the call."""
    from distributed import Client

    if client is None:
        try:
            client = Client.current()
        except ValueError:
            with _own() as own:
                yield own
            return
    if client.asynchronous:
        raise ConfigurationError("This Dask client is asynchronous, and the call blocks; give one that is not.")
    yield client


def _own() -> Client:
    from distributed import Client

    try:
        return Client(set_as_default=False)
    except RuntimeError as error:
        # Python's own explanation is in what the processes wrote.
        raise ConfigurationError(
            f"No cluster could be started on this machine: {error} In a script the call stands below "
            '“if __name__ == "__main__":”, as its workers import it.'
        ) from None


def need_distributed() -> None:
    """Check that Dask is installed.

    Raises
    ------
    ConfigurationError
        If it is not.
    """
    try:
        import distributed  # noqa: F401 -- an extra, so it is looked for where it is needed
    except ImportError:
        raise ConfigurationError("More than one machine needs Dask: pip install 'regframe[dask]'.") from None


def explained(error: Exception) -> RegframeError:
    """Return why a part failed for good, as Dask has it."""
    from distributed import KilledWorker

    if isinstance(error, RegframeError):
        return error
    if isinstance(error, KilledWorker):
        tries = error.allowed_failures + 1
        died = "the worker that read it died" if tries == 1 else f"each of the {tries} workers that read it died"
        return RegframeError(f"{died}; the logs of the cluster may say why.")
    return RegframeError(f"the worker failed: {type(error).__name__}: {printable(str(error))}")
