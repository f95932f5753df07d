"""The frames of one scan: kept together, written to files and read back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from regframe.errors import ConfigurationError, InvalidDocument, RegframeError, printable
from regframe.folder import Folder, is_url, open_folder, plain, shown, writing
from regframe.frames import CATEGORY, COUNT, OTHER_SCHEMAS, SCHEMAS, TEXT, TIME, YES_OR_NO, Frames, conformed
from regframe.order import in_order, of_known_tags

if TYPE_CHECKING:
    from regframe.analysis.summary import Summary
    from regframe.dataset import InventoryFiles

ABOUT = "inventory.json"
_FORMAT = 1
# What a spreadsheet takes for a formula, with the full-width forms (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ESCAPE = "'"


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
        return cls._read(folder, "csv", lambda path, name: read_frame(Path(path), name))

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
    def _read(cls, folder: str | Path, suffix: str, read: Callable[[str, str], pd.DataFrame]) -> Inventory:
        files, where = open_folder(folder), plain(folder)
        try:
            about = About.from_json(files.read(ABOUT))
            inventory = cls(
                **{name: read(f"{where}/{name}.{suffix}", name) for name in SCHEMAS},
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


def write_csv(
    frame: pd.DataFrame, target: Path | IO[str], *, escape_formulas: bool = True, header: bool = True
) -> None:
    """Write one frame as CSV, as :meth:`Inventory.to_csv` does."""
    frame = frame.copy()
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            frame[name] = frame[name].cat.rename_categories(lambda text: _escaped(text, escape_formulas))
        elif dtype == TEXT:
            frame[name] = frame[name].map(lambda text: _escaped(text, escape_formulas), na_action="ignore")
        elif dtype == TIME:
            frame[name] = iso_times(frame[name])
    # A bare carriage return ends a line for some readers, and the writer would not quote it.
    texts = [frame[name] for name, dtype in frame.dtypes.items() if dtype == TEXT]
    has_returns = any(text.str.contains("\r", regex=False).any() for text in texts)
    quoting: Literal[0, 2] = 2 if has_returns else 0  # csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL
    frame.to_csv(target, index=False, header=header, lineterminator="\n", quoting=quoting)


def _escaped(text: str, escape_formulas: bool) -> str:
    # An empty text would come back as a missing value, and a text with a ' of its own without it.
    is_ambiguous = not text or text.startswith(_ESCAPE)
    return _ESCAPE + text if is_ambiguous or (escape_formulas and text.startswith(_FORMULA)) else text


def iso_times(times: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """Return times as text, such as ``2024-05-06T07:08:09.123456Z``."""
    # strftime writes the year 1, which some images are dated, without its zeros.
    stamps = times.dt.tz_localize(None).to_numpy()
    texts = pd.Series(np.datetime_as_string(stamps, unit="us"), index=times.index, dtype=TEXT)
    return texts.add("Z").mask(times.isna())


def read_frame(path: Path, name: str) -> pd.DataFrame:
    """Read one frame that :func:`write_csv` wrote."""
    # As text, and empty fields only as missing: the tag 007 stays 007, and NA stays NA.
    frame = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8", lineterminator="\n")
    for column, dtype in (SCHEMAS.get(name) or OTHER_SCHEMAS[name]).items():
        if column in frame and dtype in {TEXT, CATEGORY}:
            frame[column] = frame[column].str.removeprefix(_ESCAPE)
    return conformed(frame, name)


def read_edited(path: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read some columns of text of a frame that :func:`write_csv` wrote and a spreadsheet may have saved since.

    The order of columns, other columns, a byte order mark, the ends of lines and semicolons do not matter.

    Raises
    ------
    InvalidDocument
        If it lacks one of the columns, or is no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
        separator = ";" if ";" in first and "," not in first else ","
        frame: pd.DataFrame = pd.read_csv(
            path, sep=separator, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
    except ValueError as error:
        raise InvalidDocument(f"{path} is no CSV of {name}: {printable(str(error))}.") from None
    if lacking := [column for column in columns if column not in frame]:
        raise InvalidDocument(f"{path} lacks columns of {name}: {', '.join(lacking)}.")
    return pd.DataFrame({column: frame[column].str.removeprefix(_ESCAPE) for column in columns})


def parquet(rows: pd.DataFrame, name: str) -> bytes:
    """Return the Parquet file of some rows of a frame; all files of a frame have one schema."""
    import pyarrow
    from pyarrow.parquet import write_table

    # Left to itself, a column without a value would be one without a type, and codes as wide as they need to be.
    types: dict[str, Any] = {
        TEXT: pyarrow.large_string(),
        CATEGORY: pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string()),
        COUNT: pyarrow.int64(),
        YES_OR_NO: pyarrow.bool_(),
        TIME: pyarrow.timestamp("us", "UTC"),
    }
    columns = SCHEMAS.get(name) or OTHER_SCHEMAS[name]
    schema = pyarrow.schema([(column, types[dtype]) for column, dtype in columns.items()])
    file = io.BytesIO()
    write_table(pyarrow.Table.from_pandas(rows, schema=schema, preserve_index=False), file)
    return file.getvalue()


def read_parquet_frame(path: str, name: str) -> pd.DataFrame:
    """Read one frame that was written as one Parquet file, or as a folder of several."""
    return conformed(pd.read_parquet(path, engine="pyarrow"), name)


def need_pyarrow() -> None:
    """Check that pyarrow is installed.

    Raises
    ------
    ConfigurationError
        If it is not.
    """
    try:
        import pyarrow  # noqa: F401 -- an extra, so it is looked for where it is needed
    except ImportError:
        raise ConfigurationError("Parquet needs pyarrow: pip install 'regframe[parquet]'.") from None
