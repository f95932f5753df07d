"""Where podman, buildah, skopeo and CRI-O keep their images on this machine.

Sources: containers-storage.conf(5); containers-transports(5), "containers-storage"; ``types/options.go`` of
containers/storage, where the two are silent.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regframe.errors import ConfigurationError, printable

_SYSTEM_FILES = (Path("/etc/containers/storage.conf"), Path("/usr/share/containers/storage.conf"))
_SYSTEM_ROOT = "/var/lib/containers/storage"


@dataclass(frozen=True)
class StoreLocation:
    """Where a store is.

    Attributes
    ----------
    root : Path
        The folder that new images go to.
    driver : str or None
        The storage driver, whose name the store's folders begin with; ``None`` where nothing says it.
    others : tuple of Path
        Folders of the same shape whose images and layers are used too.
    """

    root: Path
    driver: str | None = None
    others: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, specifier: str) -> StoreLocation:
        """Read ``[driver@root+run-root:options]``.

        Of the options only ``imagestore``, another folder of images, means something to a reader.

        Examples
        --------
        >>> StoreLocation.parse("[vfs@/srv/store+/run/store]").driver
        'vfs'

        Raises
        ------
        ConfigurationError
            If it names no folder.
        """
        driver, at, rest = specifier.strip("[]").rpartition("@")
        paths, _, options = rest.partition(":")
        root = paths.partition("+")[0]
        if not root or (at and not driver):
            raise ConfigurationError(
                f"“{printable(specifier)}” names no store; an example is [overlay@/var/lib/containers/storage]."
            )
        settings = [option.partition("=") for option in options.split(",")]
        others = [_path(value) for name, _, value in settings if name.rpartition(".")[2] == "imagestore" and value]
        return cls(_path(root), _driver(driver), tuple(others))

    @classmethod
    def of_this_user(cls) -> StoreLocation:
        """Return where the programs look for the store when nothing is said, from ``storage.conf``.

        Raises
        ------
        ConfigurationError
            If a ``storage.conf`` cannot be read.
        """
        named = os.environ.get("CONTAINERS_STORAGE_CONF")
        system = _read(Path(named) if named else next((path for path in _SYSTEM_FILES if path.exists()), None))
        if _is_root():
            return _location(system, _SYSTEM_ROOT)
        # What the system's file says of folders is root's; the user's file replaces it as a whole.
        user_root = _text(system, "rootless_storage_path") or f"{_user_folder('XDG_DATA_HOME', '.local/share')}/storage"
        if named:
            return _location(system, user_root)
        own = _user_folder("XDG_CONFIG_HOME", ".config") / "storage.conf"
        if own.exists():
            settings = _read(own)
            return _location(settings, _text(settings, "rootless_storage_path") or user_root)
        return _location({"driver": system.get("driver")}, user_root)


def _location(settings: dict[str, Any], default: str) -> StoreLocation:
    options = settings.get("options")
    additional = options.get("additionalimagestores") if isinstance(options, dict) else None
    others = [text for text in additional or [] if isinstance(text, str) and text]
    if image_store := _text(settings, "imagestore"):
        others.insert(0, image_store)
    driver = os.environ.get("STORAGE_DRIVER") or _text(settings, "driver")
    return StoreLocation(_path(_text(settings, "graphroot") or default), _driver(driver), tuple(map(_path, others)))


def _read(path: Path | None) -> dict[str, Any]:
    """Return the table ``storage`` of a configuration file; an empty one if there is no file."""
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("storage", {})
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is not TOML: {printable(str(error))}.") from None
    return table if isinstance(table, dict) else {}


def _text(settings: dict[str, Any], name: str) -> str | None:
    value = settings.get(name)
    return value if isinstance(value, str) and value else None


def _driver(name: str | None) -> str | None:
    return "overlay" if name == "overlay2" else name or None


def _path(text: str) -> Path:
    """Return a path; the programs expand variables in it, ``$UID`` among them."""
    if not _is_root():
        text = text.replace("$UID", str(os.geteuid()))
    return Path(os.path.expanduser(os.path.expandvars(text)))  # noqa: PTH111


def _user_folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "containers"


def _is_root() -> bool:
    return not hasattr(os, "geteuid") or os.geteuid() == 0
