"""Taking an inventory: in memory, or written to files as it is read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import overload

from regframe.dataset import FileFormat, InventoryFiles, check
from regframe.errors import InvalidReference
from regframe.filing import Filing
from regframe.folder import plain
from regframe.frames import Frames
from regframe.inventory import About, Inventory
from regframe.reader import Reader, oldest_left
from regframe.resume import check as check_earlier
from regframe.resume import covered, first_seen, joined, known_tags
from regframe.selection import Selection, choose


class Inventories(Reader):
    """The calls of a registry that read everything about images, as coroutines."""

    @overload
    async def inventory(self, selection: Selection = None, *, resume: Inventory | None = None) -> Inventory: ...

    @overload
    async def inventory(
        self, selection: Selection = None, *, output: str | Path, format: FileFormat = "parquet"
    ) -> InventoryFiles: ...

    async def inventory(
        self,
        selection: Selection = None,
        *,
        resume: Inventory | None = None,
        output: str | Path | None = None,
        format: FileFormat = "parquet",  # noqa: A002 -- what pandas' writers and the command's option are called
    ) -> Inventory | InventoryFiles:
        """Return all frames of one scan.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.
        resume : Inventory, optional
            An earlier inventory to go on with, such as one that was interrupted or ended with errors. Lists are read
            anew, and one request asks for each tag whether it has moved; what has not, and had no error, is taken
            from there. An image whose release is only known as ``seen`` keeps the date at which it was seen first.
        output : str or Path, optional
            A folder to write to while reading, so that memory stays flat however many tags there are; or, for Parquet,
            a URL such as ``s3://bucket/inventory``, which needs fsspec (``regframe[dask]``). An inventory that was
            there is replaced.
        format : {"parquet", "csv"}
            How to write it. As Parquet each frame is a folder of parts, such as ``images.parquet``, which pandas,
            Dask, DuckDB and pyarrow read as they read one file.

        Returns
        -------
        Inventory or InventoryFiles
            ``repositories``, ``tags``, ``images``, ``layers``, ``history``, ``config`` and ``errors``; with ``output``
            where they are, and how many rows each has.

        Raises
        ------
        Interrupted
            At an interrupt (as a ``KeyboardInterrupt``, which it is); its ``inventory`` is what was read so far, and
            its ``files`` where that is.
        InvalidReference
            If the earlier inventory is one of another registry, or of other platforms.
        ConfigurationError
            If the folder cannot be written, or pyarrow is missing.
        """
        if output is None:
            return await self._in_memory(selection, resume)
        refuse_resume(resume)
        return await self._to_files(selection, output, format)

    async def _in_memory(self, selection: Selection, resume: Inventory | None) -> Inventory:
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        covers = covered(self._connection.platforms, chosen.only)
        if resume is not None:
            check_earlier(resume, self._connection.name, covers)

        async with self._connection.documents() as source:
            scan = self._batched_scan(
                source,
                chosen,
                known=known_tags(resume) if resume is not None else None,
                seen=first_seen(resume) if resume is not None else None,
                push_times=True,
            )
            gathering = self._gathering(source, chosen)

            def inventory(frames: Frames, *, complete: bool) -> Inventory:
                frames = frames if resume is None else joined(frames, resume, gathering.kept)
                return Inventory(
                    **vars(frames),
                    registry=self._connection.name,
                    taken_at=scan.records.started,
                    complete=complete,
                    covers=covers,
                )

            self._so_far = lambda: inventory(gathering.interrupted(scan), complete=False)
            await self._gather(scan, gathering)
        taken = inventory(gathering.frames(), complete=True)
        self.errors = taken.errors
        if taken.repositories.empty and taken.tags.empty:
            self._raise_first()
        return taken

    async def _to_files(self, selection: Selection, output: str | Path, file_format: FileFormat) -> InventoryFiles:
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        check(output, file_format)
        async with self._connection.documents() as source:
            # A file that grows is to be in order.
            scan = self._batched_scan(source, chosen, push_times=True, in_order=file_format == "csv")
            filing = Filing(
                plain(output),
                file_format,
                About(
                    self._connection.name,
                    scan.records.started,
                    covers=covered(self._connection.platforms, chosen.only),
                ),
                lambda records: self._framed(records, chosen.only),
            )
            with oldest_left():
                self._scanned = await scan.lists()
                filing.add_lists(self._scanned)
                self._files_so_far = partial(filing.interrupted, scan)
                # What has been begun is written to its end: an interrupt leaves no half of a part.
                await scan.hand_over(filing.add)
        if not filing.has_begun:
            self._raise_first()
        files = filing.finish(complete=True)
        self.errors = files.errors
        return files


def refuse_resume(resume: Inventory | None) -> None:
    """Refuse to go on with an inventory while writing to files.

    Raises
    ------
    InvalidReference
        If there is one.
    """
    if resume is not None:
        raise InvalidReference(
            "resume= and output= do not go together, as the earlier inventory is in memory already: leave output= out, "
            "and write what is returned with to_parquet() or to_csv()."
        )
