"""What is in a container registry, as pandas DataFrames.

>>> import regframe as rf
>>> registry = rf.Registry("localhost:5000")  # doctest: +SKIP
>>> registry.images("httpd")  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING, Any

from regframe.analysis import (
    aliases,
    bases,
    cadence,
    diff,
    drift,
    growth,
    platforms,
    reclaimable,
    releases,
    retention,
    storage,
    summary,
    tag_history,
)
from regframe.errors import (
    CertificateRefused,
    ConfigurationError,
    CredentialsRefused,
    DigestMismatch,
    InvalidDocument,
    InvalidReference,
    NoConnection,
    NotFound,
    RateLimited,
    RegframeError,
    RegframeWarning,
    RegistryError,
    TooLarge,
    Unsupported,
)
from regframe.inventory import Interrupted, Inventory
from regframe.reference import Reference
from regframe.registry import AsyncRegistry, Registry

if TYPE_CHECKING:
    from regframe import plot

__all__ = [
    "AsyncRegistry",
    "CertificateRefused",
    "ConfigurationError",
    "CredentialsRefused",
    "DigestMismatch",
    "Interrupted",
    "InvalidDocument",
    "InvalidReference",
    "Inventory",
    "NoConnection",
    "NotFound",
    "RateLimited",
    "Reference",
    "RegframeError",
    "RegframeWarning",
    "Registry",
    "RegistryError",
    "TooLarge",
    "Unsupported",
    "aliases",
    "bases",
    "cadence",
    "diff",
    "drift",
    "growth",
    "platforms",
    "plot",
    "reclaimable",
    "releases",
    "retention",
    "storage",
    "summary",
    "tag_history",
]


def __getattr__(name: str) -> Any:
    # matplotlib is loaded by whoever draws, and not by everybody.
    if name == "plot":
        return importlib.import_module("regframe.plot")
    raise AttributeError(f"module 'regframe' has no attribute {name!r}")
