"""What is in a container registry, as pandas DataFrames.

>>> import regframe as rf
>>> registry = rf.Registry("localhost:5000")  # doctest: +SKIP
>>> registry.images("httpd")  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING, Any

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
from regframe.reference import Reference

if TYPE_CHECKING:
    from regframe import dask, plot
    from regframe.aio import AsyncRegistry
    from regframe.analysis import (
        aliases,
        bases,
        cadence,
        compare,
        diff,
        drift,
        growth,
        platforms,
        reclaimable,
        releases,
        retention,
        select,
        storage,
        summary,
        tag_history,
    )
    from regframe.dataset import InventoryFiles
    from regframe.inventory import Interrupted, Inventory
    from regframe.presentation import style
    from regframe.registry import Registry
    from regframe.widgets import Explorer, RegistryPicker, RepositoryPicker, TagPicker, explore

__all__ = [
    "AsyncRegistry",
    "CertificateRefused",
    "ConfigurationError",
    "CredentialsRefused",
    "DigestMismatch",
    "Explorer",
    "Interrupted",
    "InvalidDocument",
    "InvalidReference",
    "Inventory",
    "InventoryFiles",
    "NoConnection",
    "NotFound",
    "RateLimited",
    "Reference",
    "RegframeError",
    "RegframeWarning",
    "Registry",
    "RegistryError",
    "RegistryPicker",
    "RepositoryPicker",
    "TagPicker",
    "TooLarge",
    "Unsupported",
    "aliases",
    "bases",
    "cadence",
    "compare",
    "dask",
    "diff",
    "drift",
    "explore",
    "growth",
    "platforms",
    "plot",
    "reclaimable",
    "releases",
    "retention",
    "select",
    "storage",
    "style",
    "summary",
    "tag_history",
]


_MODULES = {
    "AsyncRegistry": "regframe.aio",
    "Explorer": "regframe.widgets",
    "explore": "regframe.widgets",
    "Interrupted": "regframe.inventory",
    "Inventory": "regframe.inventory",
    "InventoryFiles": "regframe.dataset",
    "Registry": "regframe.registry",
    "RegistryPicker": "regframe.widgets",
    "RepositoryPicker": "regframe.widgets",
    "TagPicker": "regframe.widgets",
    "style": "regframe.presentation",
}


def __getattr__(name: str) -> Any:
    # pandas, matplotlib and Dask are loaded by whoever uses them: “regframe --help” does without.
    if name not in __all__:
        raise AttributeError(f"module 'regframe' has no attribute {name!r}")
    if name in {"dask", "plot"}:
        return importlib.import_module(f"regframe.{name}")
    globals()[name] = getattr(importlib.import_module(_MODULES.get(name, "regframe.analysis")), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
