"""What is in a container registry, as pandas DataFrames.

>>> import regframe as rf
>>> registry = rf.Registry("localhost:5000")  # doctest: +SKIP
>>> registry.images("httpd")  # doctest: +SKIP
"""

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
]
