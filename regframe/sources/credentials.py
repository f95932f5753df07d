"""Who the user is to a registry: given outright, or stored by docker, podman or skopeo.

Sources: docker's ``config.json`` ("credsStore", "credHelpers", "auths"), the protocol of
docker-credential-helpers, and containers-auth.json(5) with its path-scoped keys.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec

from regframe.errors import ConfigurationError
from regframe.reference import DOCKER_HUB

# The first is what docker writes, and asks its helpers for.
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", DOCKER_HUB)
_IDENTITY_TOKEN_USER = "<token>"
_HELPER_SECONDS = 30


@dataclass(frozen=True)
class Credentials:
    """A user name with a password, an identity token (for a refresh), or a registry token (sent as it is)."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    identity_token: str | None = field(default=None, repr=False)
    registry_token: str | None = field(default=None, repr=False)


class _Entry(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identity_token: str | None = msgspec.field(name="identitytoken", default=None)
    registry_token: str | None = msgspec.field(name="registrytoken", default=None)


class _AuthFile(msgspec.Struct, rename="camel"):
    auths: dict[str, _Entry] = {}
    creds_store: str | None = None
    cred_helpers: dict[str, str] = {}


class _HelperAnswer(msgspec.Struct):
    username: str = msgspec.field(name="Username")
    secret: str = msgspec.field(name="Secret")


def auth_files() -> Iterator[Path]:
    """Yield the files that hold logins, in the order in which skopeo looks at them.

    ``REGISTRY_AUTH_FILE``, if set, is the only one of podman's and skopeo's; docker's comes last.
    """
    if own := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(own)
    else:
        if runtime := os.environ.get("XDG_RUNTIME_DIR"):
            yield Path(runtime) / "containers/auth.json"
        elif hasattr(os, "getuid"):
            yield Path(f"/run/containers/{os.getuid()}/auth.json")
        yield Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "containers/auth.json"
    yield Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


class StoredLogins:
    """What ``docker login``, ``podman login`` and ``skopeo login`` stored for one registry.

    The files are read, and a credential helper is asked, at the first look-up and not again.

    Parameters
    ----------
    registry : str
        The registry's host, with a port where it has one.
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry

    def find(self, repository: str = "") -> Credentials | None:
        """Return the login for a repository, or ``None``.

        A key with a path (``quay.io/team``) counts for the repositories below it; the longest one wins.

        Raises
        ------
        ConfigurationError
            If a file cannot be read as what it should be, or a credential helper is missing or fails.
        """
        parts = [self._registry, *repository.split("/")]
        scopes = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
        for logins in self._logins:
            for scope in scopes:
                if scope in logins:
                    return logins[scope]
        return None

    @cached_property
    def _logins(self) -> list[dict[str, Credentials]]:
        """The logins of each file, by registry or by registry and path."""
        return [self._of_file(path, stored) for path in auth_files() if (stored := _read(path))]

    def _of_file(self, path: Path, stored: _AuthFile) -> dict[str, Credentials]:
        logins: dict[str, Credentials] = {}
        names = _HUB_KEYS if self._registry == DOCKER_HUB else (self._registry, f"https://{self._registry}")
        helper = next((stored.cred_helpers[name] for name in names if name in stored.cred_helpers), stored.creds_store)
        if helper and (found := _ask_helper(helper, names[0])):
            logins[self._registry] = found
        for key, entry in stored.auths.items():
            scope = self._registry if key in names else _without_api(key)
            if (scope + "/").startswith(self._registry + "/") and (login := _decoded(entry, path, key)):
                logins.setdefault(scope, login)
        return logins


def stored_registries() -> list[str]:
    """Return the registries to which a login is stored; no login is looked at, and a damaged file counts as none."""
    found: dict[str, None] = {}
    for path in auth_files():
        try:
            stored = _read(path)
        except ConfigurationError:
            continue
        for key in [*stored.auths, *stored.cred_helpers] if stored else ():
            host = _without_api(key).partition("/")[0]
            found[DOCKER_HUB if key in _HUB_KEYS or host in _HUB_KEYS else host] = None
    return list(found)


def _without_api(key: str) -> str:
    """Return a key as registry and path; docker writes ``https://`` before it and the API's version after it."""
    return re.sub(r"/v[12]/?$", "", re.sub(r"^https?://", "", key)).rstrip("/")


def _read(path: Path) -> _AuthFile | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_AuthFile)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"The stored logins in {path} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What the decoder says may quote the file, and the file holds secrets.
        raise ConfigurationError(f"{path} is not a file of stored logins (JSON); mend it or log in anew.") from None


def _decoded(entry: _Entry, path: Path, key: str) -> Credentials | None:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ConfigurationError(f"The login for {key} in {path} is damaged; log in anew.") from None
        password = password.rstrip("\0")
    if entry.identity_token or entry.registry_token or username:
        return Credentials(username or None, password, entry.identity_token or None, entry.registry_token or None)
    return None


def _ask_helper(name: str, server: str) -> Credentials | None:
    program = f"docker-credential-{name}"
    try:
        done = subprocess.run(  # noqa: S603 -- the program is one that the user's own docker config names
            [program, "get"], input=server, capture_output=True, text=True, timeout=_HELPER_SECONDS, check=False
        )
    except FileNotFoundError:
        raise ConfigurationError(f"Docker's config names the credential helper {program}, which is not here.") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{program} did not answer within {_HELPER_SECONDS} seconds.") from None
    if done.returncode != 0:
        # By the helpers' protocol a missing login is an error with this text on standard output.
        if "not found" in done.stdout.lower():
            return None
        raise ConfigurationError(f"{program} could not give the login for {server}; try it by hand.")
    try:
        answer = msgspec.json.decode(done.stdout, type=_HelperAnswer)
    except msgspec.DecodeError:
        raise ConfigurationError(f"{program} answered something other than a login for {server}.") from None
    if answer.username == _IDENTITY_TOKEN_USER:
        return Credentials(identity_token=answer.secret)
    return Credentials(answer.username, answer.secret) if answer.username else None
