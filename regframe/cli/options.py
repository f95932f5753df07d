"""The options that commands share, and how a command ends."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regframe.errors import RegframeError, printable
from regframe.folder import is_url
from regframe.target import is_transport

if TYPE_CHECKING:
    import pandas as pd

    from regframe.inventory import Inventory
    from regframe.registry import Registry

FAILED, INCOMPLETE, INTERRUPTED, PIPE_CLOSED = 1, 3, 130, 141
_SENTENCES_SHOWN = 3
_LONGEST_SENTENCE = 1000
# A user and password before a host; what else has a colon before an @ is a tag before a digest.
_USER_AND_PASSWORD = re.compile(r"(?:\w+://)?[^/@]*:[^/@]*@(?!sha\d+:)")


def say(sentence: str) -> None:
    """Write to standard error what people should know, whatever text from outside is in it."""
    print(printable(sentence, _LONGEST_SENTENCE), file=sys.stderr)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function a command: each parameter that is a group of options (a dataclass) becomes these options.

    Failures end it with one sentence and the exit status that stands for them.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        parameter.name: parameter.annotation for parameter in parameters if is_dataclass(parameter.annotation)
    }

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        with _exit_status():
            function(**values)

    own = [parameter for parameter in parameters if parameter.name not in groups]
    shared = [
        parameter
        for group in groups.values()
        for parameter in inspect.signature(group, eval_str=True).parameters.values()
    ]
    options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in options}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


@contextmanager
def _exit_status() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()
        raise typer.Exit(PIPE_CLOSED) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except RegframeError as error:
        say(f"regframe: {error}")
        raise typer.Exit(FAILED) from None
    except OSError as error:
        _give_up_output()
        say(f"regframe: {error.filename or 'The output'} cannot be used: {error.strerror or error}.")
        raise typer.Exit(FAILED) from None


def _give_up_output() -> None:
    # Nobody reads any more, as after “| head”, or the disk is full: Python would try again at its end, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end(errors: pd.DataFrame) -> None:
    """End a command that has read what could be read: with the number of errors and the first of them, if any."""
    if not errors.empty:
        report(errors)
        raise typer.Exit(INCOMPLETE)


def report(errors: pd.DataFrame) -> None:
    """Say how many errors there are, and the first of them."""
    things = "1 thing" if len(errors) == 1 else f"{len(errors):,} things"
    say(f"regframe: {things} could not be read:")
    for sentence in errors["message"].drop_duplicates().head(_SENTENCES_SHOWN):
        say(f"  {sentence}")
    if (more := errors["message"].nunique() - _SENTENCES_SHOWN) > 0:
        say(f"  and {more:,} more; “regframe inventory” writes all of them to errors.csv.")


def _refuse_password(value: str | None) -> None:
    if value is not None:
        raise typer.BadParameter(
            "everybody on this machine can see a command's arguments; give --password-stdin and write the password "
            "to standard input, or set REGFRAME_PASSWORD, or log in with docker, podman or skopeo."
        )


@cache
def _line_of_stdin() -> str:
    """Return the first line of standard input, however many targets are read with it."""
    return sys.stdin.readline().rstrip("\r\n")


def _without_password(target: str) -> str:
    if _USER_AND_PASSWORD.match(target) and not is_transport(target.partition(":")[0]):
        raise typer.BadParameter(
            "it does not hold a user or a password; give --username with --password-stdin or REGFRAME_PASSWORD."
        )
    return target


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="The registry, or what is in it: localhost:5000, localhost:5000/httpd, localhost:5000/httpd:2-alpine. "
        "Or a place on this machine: docker-daemon:, podman:, oci:FOLDER, docker-archive:FILE:IMAGE, …",
        callback=_without_password,
        show_default=False,
    ),
]
Selected = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SELECTION",
        help="Repositories, references or globs in the registry: httpd, 'team/*', 'httpd:2.4.*'. "
        "Everything without them.",
        show_default=False,
    ),
]
One = Annotated[
    str | None,
    typer.Argument(metavar="IMAGE", help="The image, where TARGET is its registry.", show_default=False),
]


@dataclass(frozen=True)
class Access:
    """How the registry is reached and read."""

    username: Annotated[
        str | None,
        typer.Option(envvar="REGFRAME_USERNAME", help="Who you are; else as docker, podman or skopeo are logged in."),
    ] = None
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the password from standard input; else REGFRAME_PASSWORD is it."),
    ] = False
    password: Annotated[
        str | None, typer.Option("--password", hidden=True, is_eager=True, callback=_refuse_password)
    ] = None
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="A certificate (PEM) to believe.")] = None
    cert_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Certificates as in docker's certs.d: *.crt, *.cert with *.key.")
    ] = None
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not check the registry's certificate.")] = False
    insecure: Annotated[bool, typer.Option("--insecure", help="Speak plain HTTP; for localhost that is found out.")] = (
        False
    )
    platform: Annotated[
        list[str] | None,
        typer.Option(metavar="OS/ARCH", help="Of an index read these images only: linux/amd64. May be repeated."),
    ] = None
    concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many requests to have under way at once.")
    ] = 16
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for each part of an answer.")
    ] = 30.0
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first error rather than read the rest.")] = False
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Fetch every document anew; else those read before come from the cache.")
    ] = False
    progress: Annotated[
        bool | None,
        typer.Option(
            "--progress/--no-progress",
            help="A progress bar on standard error; on a terminal there is one.",
            show_default=False,
        ),
    ] = None

    def _credentials(self) -> tuple[str | None, str | None]:
        password = os.environ.get("REGFRAME_PASSWORD")
        if self.password_stdin:
            if not self.username:
                raise typer.BadParameter("it goes with --username.", param_hint="--password-stdin")
            password = _line_of_stdin()
        if password and not self.username:
            raise typer.BadParameter("it goes with --username or REGFRAME_USERNAME.", param_hint="REGFRAME_PASSWORD")
        if self.username and not password:
            raise typer.BadParameter(
                "it goes with a password: give --password-stdin or set REGFRAME_PASSWORD; "
                "or leave both out to use what docker, podman or skopeo login stored.",
                param_hint="--username",
            )
        return (self.username, password) if self.username else (None, None)

    def registry(self, target: str) -> Registry:
        """Return the registry that a target names."""
        # pandas takes a second to load: whoever asks for help does not wait for it.
        from regframe.registry import Registry

        # Credentials that are set in the environment are no reason to refuse a place on this machine.
        username, password = self._credentials() if registry_of(target) else (None, None)
        return Registry(
            target,
            username=username,
            password=password,
            ca=self.ca,
            cert_dir=self.cert_dir,
            verify=not self.no_verify,
            insecure=self.insecure,
            concurrency=self.concurrency,
            timeout=self.timeout,
            platform="all" if self.platform is None or "all" in self.platform else self.platform,
            strict=self.strict,
            progress=self.progress,
            cache=not self.no_cache,
        )


def registry_of(target: str) -> str | None:
    """Return the registry that a target names; no place on this machine is one."""
    from regframe.target import Target as ParsedTarget

    if (Path(target) / "inventory.json").is_file():
        return None
    parsed = ParsedTarget.parse(target)
    return None if parsed.place else parsed.registry


def selection(target: str, selected: list[str] | None) -> list[str] | None:
    """Return what to read: what the target names and what was selected besides."""
    from regframe.target import Target as ParsedTarget

    own = ParsedTarget.parse(target).pattern
    return [*([str(own)] if own else []), *selected] if selected else None


def folder_or_url(text: str) -> Path | str:
    """Read where an inventory is or goes."""
    return text if is_url(text) else Path(text)


def saved(folder: Path | str) -> Inventory:
    """Return the inventory in a folder, as CSV or as Parquet; behind a URL it is Parquet."""
    from regframe.inventory import Inventory

    is_parquet = isinstance(folder, str) or (folder / "images.parquet").exists()
    return Inventory.read_parquet(folder) if is_parquet else Inventory.read_csv(folder)


def taken(access: Access, target: str, selected: list[str] | None = None) -> Inventory:
    """Return the inventory that a target names: the one saved in a folder, else that of a registry, read now."""
    folder = Path(target)
    if (folder / "inventory.json").is_file():
        from regframe.analysis import select

        return select(saved(folder), selected) if selected else saved(folder)
    return access.registry(target).inventory(selection(target, selected))
