"""Engines on this machine, Docker's and Podman's, through their API.

Source: Docker Engine API (docs.docker.com/reference/api/engine), which Podman serves too, with one of its own beside it
(docs.podman.io, "Reference", "libpod").
"""

from regframe.sources.local.engine.source import EngineSource, open_engine

__all__ = ["EngineSource", "open_engine"]
