"""The frames of one scan: kept together, written to files and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from regframe.errors import ConfigurationError, InvalidDocument
from regframe.frames import CATEGORY, OTHER_SCHEMAS, SCHEMAS, TEXT, TIME, Frames, conformed

if TYPE_CHECKING:
    from regframe.analysis.summary import Summary

_ABOUT = "inventory.json"
_FORMAT = 1
# What a spreadsheet takes for a formula, with the full-width forms (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ESCAPE = "'"


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
        return self._write(
            Path(folder), "csv", lambda frame, path: write_csv(frame, path, escape_formulas=escape_formulas)
        )

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
        return cls._read(Path(folder), "csv", read_frame)

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Write one Parquet file for each frame, and ``inventory.json``; needs pyarrow (``regframe[parquet]``).

        Raises
        ------
        ConfigurationError
            If pyarrow is not installed.
        """
        need_pyarrow()
        return self._write(Path(folder), "parquet", lambda frame, path: frame.to_parquet(path, engine="pyarrow"))

    @classmethod
    def read_parquet(cls, folder: str | Path) -> Inventory:
        """Read what :meth:`to_parquet` wrote.

        Raises
        ------
        ConfigurationError
            If a file or pyarrow is missing.
        InvalidDocument
            If a file is not one of an inventory.
        """
        need_pyarrow()

        def read(path: Path, name: str) -> pd.DataFrame:
            return conformed(pd.read_parquet(path, engine="pyarrow"), name)

        return cls._read(Path(folder), "parquet", read)

    def _write(self, folder: Path, suffix: str, write: Callable[[pd.DataFrame, Path], None]) -> list[Path]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            paths = []
            for name, frame in self.frames():
                path = folder / f"{name}.{suffix}"
                write(frame, path)
                paths.append(path)
            about = {
                "format": _FORMAT,
                "registry": self.registry,
                "taken_at": self.taken_at.isoformat(),
                "complete": self.complete,
                "covers": self.covers,
            }
            (folder / _ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"The inventory cannot be written to {folder}: {error.strerror}.") from None
        return [*paths, folder / _ABOUT]

    @classmethod
    def _read(cls, folder: Path, suffix: str, read: Callable[[Path, str], pd.DataFrame]) -> Inventory:
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            frames = {name: read(folder / f"{name}.{suffix}", name) for name in SCHEMAS}
            return cls(
                **frames,
                registry=about["registry"],
                taken_at=datetime.fromisoformat(about["taken_at"]),
                complete=bool(about.get("complete", True)),
                covers=str(about.get("covers", "all")),
            )
        except OSError as error:
            raise ConfigurationError(
                f"{folder} holds no inventory in {suffix} form: {error.filename} is missing."
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidDocument(f"{folder} does not hold an inventory as regframe writes it: {error}.") from None


class Interrupted(KeyboardInterrupt):
    """An inventory was interrupted.

    Attributes
    ----------
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

    def __init__(self, inventory: Inventory) -> None:
        read = int(inventory.tags["digest"].notna().sum())
        super().__init__(f"{read:,} of {len(inventory.tags):,} known tags were read; they are in .inventory.")
        self.inventory = inventory


def write_csv(frame: pd.DataFrame, target: Path | IO[str], *, escape_formulas: bool = True) -> None:
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
    frame.to_csv(target, index=False, lineterminator="\n", quoting=quoting)


def _escaped(text: str, escape_formulas: bool) -> str:
    # An empty text would come back as a missing value, and a text with a ' of its own without it.
    is_ambiguous = not text or text.startswith(_ESCAPE)
    return _ESCAPE + text if is_ambiguous or (escape_formulas and text.startswith(_FORMULA)) else text


def iso_times(times: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """Return times as text, such as ``2024-05-06T07:08:09.123456Z``."""
    # strftime writes the year 1, which some images are dated, without its zeros.
    stamps = times.dt.tz_localize(None).to_numpy()
    return pd.Series(np.datetime_as_string(stamps, unit="us"), dtype=TEXT).add("Z").mask(times.isna().to_numpy())


def read_frame(path: Path, name: str) -> pd.DataFrame:
    """Read one frame that :func:`write_csv` wrote."""
    # As text, and empty fields only as missing: the tag 007 stays 007, and NA stays NA.
    frame = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8", lineterminator="\n")
    for column, dtype in (SCHEMAS.get(name) or OTHER_SCHEMAS[name]).items():
        if column in frame and dtype in {TEXT, CATEGORY}:
            frame[column] = frame[column].str.removeprefix(_ESCAPE)
    return conformed(frame, name)


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
