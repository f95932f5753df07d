"""Choosing a registry, and logging in to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from regframe import demo
from regframe.registry import Registry
from regframe.sources.credentials import stored_registries
from regframe.widgets.background import SETTLING_SECONDS, Latest
from regframe.widgets.parts import Sentence, button, named, row, text

_SAMPLE = "the sample registry"
_ENGINES = ("docker-daemon:", "podman:", "containers-storage:")
_WITHOUT_LOGIN = (_SAMPLE, *_ENGINES)
_TYPED = "another one, typed below"
_VARIABLE = "REGFRAME_REGISTRIES"


class _Password(widgets.Password):  # type: ignore[misc]
    """A line for a password, which the kernel does not send back: what it echoes goes to every page and to logs."""

    value = traitlets.Unicode().tag(sync=True, echo_update=False)


class RegistryPicker(widgets.VBox):  # type: ignore[misc]
    """Choose a registry and connect to it.

    Offered are the registries to which ``docker login``, ``podman login`` or ``skopeo login`` stored a login, those in
    the environment variable ``REGFRAME_REGISTRIES`` (separated by commas), the sample registry, and the engines of this
    machine. Any other is typed: whatever :class:`regframe.Registry` takes.

    The kernel takes the password out of the widget as soon as it hears of it: it is in no state that a notebook saves,
    and in no repr.

    Parameters
    ----------
    target : str, optional
        What is chosen at first.

    Attributes
    ----------
    known, address, username, password, ca, connect_button, status
        The controls: which registry, its address, the user, the password, the file with its certificate, Connect, and
        the sentence below. Their classes are ``regframe-known``, ``regframe-address``, ``regframe-username``,
        ``regframe-password``, ``regframe-ca``, ``regframe-connect`` and ``regframe-status``.

    Examples
    --------
    >>> picker = rf.RegistryPicker()           # doctest: +SKIP
    >>> picker                                 # doctest: +SKIP
    >>> picker.registry.images("httpd")        # doctest: +SKIP
    """

    def __init__(self, target: str | None = None) -> None:
        self.known = named(widgets.Dropdown(description="Registry", options=[*offered(), _TYPED]), "known")
        self.address = text("Address", "address", placeholder="localhost:5000, quay.io/team, podman:, oci:folder")
        self.username = text("User", "username", placeholder="none: as docker, podman or skopeo are logged in")
        self.password = named(_Password(description="Password", continuous_update=False), "password")
        self.ca = text("Certificate", "ca", placeholder="a file (PEM), such as certs/domain.crt; may stay empty")
        self.connect_button = button("Connect", "connect", button_style="primary")
        self.status = Sentence("status")
        self._secret = ""
        self._registry: Registry | None = None
        self._listeners: list[Callable[[Registry], Any]] = []
        self._work: Latest[tuple[Registry, Any]] = Latest(self._connected, self._failed)
        super().__init__(
            [
                self.known, self.address, row(self.username, self.password), self.ca,
                row(self.connect_button, self.status),
            ]
        )  # fmt: skip
        self.add_class("regframe-registry-picker")
        self.known.observe(self._show_address, "value")
        self.password.observe(self._take_password, "value")
        self.connect_button.on_click(lambda _: self._connect(SETTLING_SECONDS))
        self._show_address()
        if target is not None:
            self.value = target

    def __repr__(self) -> str:
        return f"RegistryPicker({self.value!r})"

    @property
    def value(self) -> str:
        """The target that is chosen; setting it chooses another."""
        return str(self.address.value.strip() if self.known.value == _TYPED else self.known.value)

    @value.setter
    def value(self, target: str) -> None:
        if target in self.known.options:
            self.known.value = target
        else:
            self.known.value = _TYPED
            self.address.value = target

    @property
    def registry(self) -> Registry | None:
        """The registry, once Connect has worked."""
        return self._registry

    def connect(self) -> None:
        """Connect, as the button does: in the background."""
        self._connect(0)

    def _connect(self, delay: float) -> None:
        self._registry = None
        self.status.say("Connecting …")

        async def ping() -> tuple[Registry, Any]:
            await asyncio.sleep(delay)
            registry = self._made(self._secret)
            self.status.say(f"Connecting to {registry.name} …")
            return registry, await registry.aio.ping()

        self._work.start(ping)

    def wait(self, seconds: float | None = 60) -> Registry | None:
        """Wait until Connect has worked or failed, and return the registry; for programs."""
        self._work.wait(seconds)
        return self.registry

    def code(self, **options: str) -> list[str]:
        """Return the lines of Python that make the registry without the picker; no password is in them."""
        further = [f"{name}={value!r}" for name, value in options.items()]
        if self.value == _SAMPLE:
            registry = f"registry = rf.Registry({', '.join(['**demo.running()', *further])})"
            return ["import regframe as rf", "from regframe import demo", "", registry]
        arguments = [repr(self.value), *further]
        username, ca = self._login()
        if username:
            arguments += [f"username={username!r}", 'password=getpass("Password: ")']
        if ca:
            arguments.append(f"ca={ca!r}")
        imports = ["from getpass import getpass", ""] if username else []
        return [*imports, "import regframe as rf", "", f"registry = rf.Registry({', '.join(arguments)})"]

    def on_connect(self, listener: Callable[[Registry], Any]) -> None:
        """Have a function called with each registry that is connected to."""
        self._listeners.append(listener)

    def _made(self, password: str) -> Registry:
        if self.value == _SAMPLE:
            return Registry(**demo.running())
        username, ca = self._login()
        return Registry(self.value, username=username, password=password or None, ca=ca)

    def _login(self) -> tuple[str | None, str | None]:
        """Return the user and the certificate's file, where they are asked for."""
        if self.known.value in _WITHOUT_LOGIN:
            return None, None
        return self.username.value.strip() or None, self.ca.value.strip() or None

    def _connected(self, found: tuple[Registry, Any]) -> None:
        registry, facts = found
        self._registry = registry
        self._forget()
        version = f", {facts['api_version']}" if isinstance(facts["api_version"], str) else ""
        server = f", {facts['server']}" if isinstance(facts["server"], str) else ""
        login = {"none": "no login needed", "basic": "logged in by user and password", "bearer": "logged in by token"}
        self.status.say(
            f"Connected to {registry.name}{version}{server}, {login.get(facts['auth'], 'connected')}.", "good"
        )
        for listener in self._listeners:
            listener(registry)

    def _failed(self, sentence: str) -> None:
        self._forget()
        self.status.say(sentence, "bad")

    def _forget(self) -> None:
        self._secret, self.password.placeholder = "", ""

    def _show_address(self, *_: Any) -> None:
        is_typed = self.known.value == _TYPED
        self.address.layout.display = None if is_typed else "none"
        needs_login = "none" if self.known.value in _WITHOUT_LOGIN else None
        for control in (self.username, self.password, self.ca):
            control.layout.display = needs_login

    def _take_password(self, change: dict[str, Any]) -> None:
        if change["new"]:
            # What stays in the widget would be saved with the notebook.
            self._secret = change["new"]
            self.password.value = ""
            self.password.placeholder = "entered, and kept until Connect"


def offered() -> Iterable[str]:
    """Return the registries and places that this person knows."""
    named_ones = [name.strip() for name in os.environ.get(_VARIABLE, "").split(",") if name.strip()]
    sockets = [engine for engine in _ENGINES if _is_here(engine)]
    return dict.fromkeys([*named_ones, *stored_registries(), _SAMPLE, *sockets])


def _is_here(engine: str) -> bool:
    """Return whether a place on this machine seems to be there, without asking it."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid() if hasattr(os, 'getuid') else 0}")
    places = {
        "docker-daemon:": [Path("/var/run/docker.sock"), runtime / "docker.sock"],
        "podman:": [Path("/run/podman/podman.sock"), runtime / "podman" / "podman.sock"],
        "containers-storage:": [Path("/var/lib/containers/storage"), Path.home() / ".local/share/containers/storage"],
    }
    variables = {"docker-daemon:": "DOCKER_HOST", "podman:": "CONTAINER_HOST"}
    return bool(os.environ.get(variables.get(engine, ""))) or any(_exists(path) for path in places[engine])


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
