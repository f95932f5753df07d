"""The frames of one scan: kept together, written to files and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from regframe.errors import ConfigurationError, InvalidDocument, RegframeError, printable
from regframe.folder import Folder, is_url, open_folder, plain, shown, writing
from regframe.formats import need_pyarrow, parquet, read_frame, read_parquet_frame, write_csv
from regframe.frames import SCHEMAS, Frames, Texts
from regframe.order import in_order, of_known_tags

if TYPE_CHECKING:
    from regframe.analysis.summary import Summary
    from regframe.dataset import InventoryFiles

ABOUT = "inventory.json"
_FORMAT = 1


@dataclass(frozen=True)
class About:
    """What ``inventory.json`` says of the files beside it; the attributes are those of :class:`Inventory`."""

    registry: str
    taken_at: datetime
    complete: bool = True
    covers: str = "all"
    in_parts: bool = False
    """Whether tags stand as they were read, rather than in their order."""

    def to_json(self) -> bytes:
        """Return the file."""
        fields = {"format": _FORMAT, **vars(self), "taken_at": self.taken_at.isoformat()}
        return (json.dumps(fields, indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> About:
        """Read the file.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is another.
        """
        fields = json.loads(data)
        return cls(
            registry=fields["registry"],
            taken_at=datetime.fromisoformat(fields["taken_at"]),
            complete=bool(fields.get("complete", True)),
            covers=str(fields.get("covers", "all")),
            in_parts=bool(fields.get("in_parts", False)),
        )


@dataclass(frozen=True)
class Inventory(Frames):
    """What is in a registry, as the frames of one scan.

    Attributes
    ----------
    repositories, tags, images, layers, history, config, errors : pandas.DataFrame
        The frames; ``errors`` has a row for each thing that could not be read.
    registry : str
        Where it was read.
    taken_at : datetime
        When.
    complete : bool
        Whether the scan came to its end; ``False`` after an interrupt.
    covers : str
        Which images of each tag it has: ``"all"``, the platforms that were asked for, or a digest of the digests
        that a frame named.

    Examples
    --------
    >>> inventory = registry.inventory()                     # doctest: +SKIP
    >>> inventory.to_csv("inventory/")                       # doctest: +SKIP
    >>> same = Inventory.read_csv("inventory/")              # doctest: +SKIP
    """

    registry: str = ""
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    complete: bool = True
    covers: str = "all"

    def frames(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each frame with its name."""
        for name in SCHEMAS:
            yield name, getattr(self, name)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(frame):,} {name}" for name, frame in self.frames() if name != "errors")
        errors = f", {len(self.errors):,} errors" if len(self.errors) else ""
        complete = "" if self.complete else ", incomplete"
        return f"<Inventory of {self.registry}, {self.taken_at:%Y-%m-%d %H:%M} UTC{complete}: {counts}{errors}>"

    def summary(self) -> Summary:
        """Return what is in the registry, on one page; see :func:`regframe.analysis.summary`."""
        # analysis stands to the right of this room, and is loaded when it is asked for.
        from regframe.analysis.summary import summary

        return summary(self)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def to_csv(self, folder: str | Path, *, escape_formulas: bool = True) -> list[Path]:
        """Write one CSV file for each frame, and ``inventory.json`` with the registry's name and the time.

        Parameters
        ----------
        folder : str or Path
            Where to; it is made if it is not there.
        escape_formulas : bool
            Whether text from images that a spreadsheet would run as a formula gets a ``'`` before it.
            :meth:`read_csv` takes it away again.

        Returns
        -------
        list of Path
            The files.
        """
        if is_url(folder):
            raise ConfigurationError("CSV files are written to a folder on this machine; Parquet goes to a URL.")
        path = Path(plain(folder))

        def write(frame: pd.DataFrame, name: str) -> None:
            path.mkdir(parents=True, exist_ok=True)
            write_csv(frame, path / name, escape_formulas=escape_formulas)

        self._write(folder, "csv", write)
        return [path / name for name in _files("csv")]

    @classmethod
    def read_csv(cls, folder: str | Path) -> Inventory:
        """Read what :meth:`to_csv` wrote: the same frames, dtypes included.

        Raises
        ------
        ConfigurationError
            If a file is missing.
        InvalidDocument
            If a file is not one of an inventory.
        """
        return cls._read(folder, "csv", lambda path, name, texts: read_frame(Path(path), name, texts))

    def to_parquet(self, folder: str | Path) -> list[Path | str]:
        """Write one Parquet file for each frame, and ``inventory.json``; needs pyarrow (``regframe[parquet]``).

        Parameters
        ----------
        folder : str or Path
            Where to, as for :meth:`to_csv`; or a URL such as ``s3://bucket/inventory``, which needs fsspec
            (``regframe[dask]``).

        Returns
        -------
        list of Path or str
            The files, or their URLs.

        Raises
        ------
        ConfigurationError
            If pyarrow is not installed, or the folder cannot be written.
        """
        need_pyarrow()
        files, where = open_folder(folder), plain(folder)
        self._write(folder, "parquet", lambda frame, name: files.write(name, parquet(frame, Path(name).stem)))
        return [f"{where}/{name}" if is_url(folder) else Path(where, name) for name in _files("parquet")]

    @classmethod
    def read_parquet(cls, folder: str | Path) -> Inventory:
        """Read what :meth:`to_parquet` wrote, or ``registry.inventory(output=…)``: the same frames, dtypes included.

        Parameters
        ----------
        folder : str or Path
            The folder, or its URL, such as ``s3://bucket/inventory``, which needs fsspec (``regframe[dask]``).

        Raises
        ------
        ConfigurationError
            If a file or pyarrow is missing.
        InvalidDocument
            If a file is not one of an inventory.
        """
        need_pyarrow()
        return cls._read(folder, "parquet", read_parquet_frame)

    def _write(self, folder: str | Path, suffix: str, write: Callable[[pd.DataFrame, str], None]) -> None:
        about = About(self.registry, self.taken_at, self.complete, self.covers)
        files = open_folder(folder)
        with writing(folder):
            about = beside(files, about)
            for name, frame in self.frames():
                # It may be a folder: of the parts of an inventory that was written as it was read.
                files.remove(f"{name}.{suffix}")
                write(frame, f"{name}.{suffix}")
            files.write(ABOUT, about.to_json())

    @classmethod
    def _read(cls, folder: str | Path, suffix: str, read: Callable[[str, str, Texts], pd.DataFrame]) -> Inventory:
        files, where, texts = open_folder(folder), plain(folder), Texts()
        try:
            about = About.from_json(files.read(ABOUT))
            inventory = cls(
                **{name: read(f"{where}/{name}.{suffix}", name, texts) for name in SCHEMAS},
                registry=about.registry,
                taken_at=about.taken_at,
                complete=about.complete,
                covers=about.covers,
            )
        except OSError as error:
            missing = error.filename or printable(str(error))
            raise ConfigurationError(
                f"{shown(folder)} holds no inventory in {suffix} form: {missing} is missing."
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidDocument(
                f"{shown(folder)} does not hold an inventory as regframe writes it: {error}."
            ) from None
        except Exception as error:
            # Of an object store these may be of any class.
            if not is_url(folder) or isinstance(error, RegframeError):
                raise
            raise ConfigurationError(f"{shown(folder)} cannot be read: {printable(str(error))}") from None
        if not about.in_parts:
            return inventory
        # Whoever was killed in the middle of a part has not come to its tags, which are written last.
        return in_order(inventory if about.complete else of_known_tags(inventory))


def _files(suffix: str) -> list[str]:
    return [*(f"{name}.{suffix}" for name in SCHEMAS), ABOUT]


def remove_inventory(files: Folder) -> None:
    """Remove the inventory that is in a folder, whichever form it has, and nothing else."""
    if about_in(files) is not None:
        # First of all, as from here on what is there is not whole.
        files.remove(ABOUT)
        for name in SCHEMAS:
            for suffix in ("csv", "parquet"):
                files.remove(f"{name}.{suffix}")


def beside(files: Folder, about: About) -> About:
    """Remove an earlier inventory from a folder that is to hold another, and return what is to be said of this one.

    The same inventory in its other form stays: both are what ``inventory.json`` says.
    """
    there = about_in(files)
    if there is not None and replace(there, in_parts=about.in_parts) == about:
        return there
    remove_inventory(files)
    return about


def about_in(files: Folder) -> About | None:
    """Return what is said of the inventory in a folder; ``None`` if there is none."""
    try:
        return About.from_json(files.read(ABOUT))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Interrupted(KeyboardInterrupt):
    """An inventory was interrupted.

    Attributes
    ----------
    files : InventoryFiles or None
        Where it is, if it was written as it was read.
    inventory : Inventory
        What was read so far: ``complete`` is ``False``, and a tag is there with all its rows or by its name alone.
        ``registry.inventory(resume=…)`` goes on with it.

    Examples
    --------
    >>> try:                                                 # doctest: +SKIP
    ...     inventory = registry.inventory()
    ... except Interrupted as interrupt:
    ...     inventory = interrupt.inventory
    """

    def __init__(self, taken: Inventory | InventoryFiles) -> None:
        if isinstance(taken, Inventory):
            read = int(taken.tags["digest"].notna().sum())
            super().__init__(f"{read:,} of {len(taken.tags):,} known tags were read; they are in .inventory.")
        else:
            super().__init__(f"What was read is in {shown(taken.folder)}.")
        self.files = None if isinstance(taken, Inventory) else taken
        self._inventory = taken if isinstance(taken, Inventory) else None

    @property
    def inventory(self) -> Inventory:  # noqa: D102 -- an attribute, described above
        if self._inventory is None:
            assert self.files is not None
            self._inventory = self.files.read()
        return self._inventory
