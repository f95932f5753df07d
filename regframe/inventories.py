"""Taking an inventory: in memory, or written to files as it is read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import overload

from regframe.batches import BatchedScan
from regframe.dataset import FileFormat, InventoryFiles, check
from regframe.filing import Filing
from regframe.folder import plain
from regframe.frames import Frames
from regframe.inventory import About, Inventory
from regframe.reader import Reader, oldest_left
from regframe.records import Records
from regframe.resume import Earlier, covered, joined
from regframe.resume import check as check_earlier
from regframe.selection import Chosen, Selection, choose
from regframe.sources import Source


class Inventories(Reader):
    """The calls of a registry that read everything about images, as coroutines."""

    @overload
    async def inventory(self, selection: Selection = None, *, resume: Inventory | None = None) -> Inventory: ...

    @overload
    async def inventory(
        self,
        selection: Selection = None,
        *,
        resume: Inventory | None = None,
        output: str | Path,
        format: FileFormat = "parquet",
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
            from there. An image whose release is only known as ``seen`` keeps the date at which it was seen first. With
            ``output``, memory holds the earlier inventory and what is read at a time.
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
        return await self._to_files(selection, output, format, resume)

    async def _in_memory(self, selection: Selection, resume: Inventory | None) -> Inventory:
        chosen, covers, earlier = self._meant(selection, resume)
        async with self._connection.documents() as source:
            scan = self._scan_of_all(source, chosen, earlier)
            gathering = self._gathering(source, chosen)

            def inventory(frames: Frames, *, complete: bool) -> Inventory:
                frames = frames if earlier is None else joined(frames, earlier, gathering.kept)
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

    async def _to_files(
        self, selection: Selection, output: str | Path, file_format: FileFormat, resume: Inventory | None
    ) -> InventoryFiles:
        chosen, covers, earlier = self._meant(selection, resume)
        check(output, file_format)

        def framed(records: Records) -> Frames:
            frames = self._framed(records, chosen.only)
            return frames if earlier is None else joined(frames, earlier, records.kept)

        async with self._connection.documents() as source:
            # A file that grows is to be in order.
            scan = self._scan_of_all(source, chosen, earlier, in_order=file_format == "csv")
            about = About(self._connection.name, scan.records.started, covers=covers)
            filing = Filing(plain(output), file_format, about, framed)
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

    def _meant(self, selection: Selection, resume: Inventory | None) -> tuple[Chosen, str, Earlier | None]:
        """Return what is to be read, what that is called, and what is gone on with."""
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        covers = covered(self._connection.platforms, chosen.only)
        if resume is None:
            return chosen, covers, None
        check_earlier(resume, self._connection.name, covers)
        return chosen, covers, Earlier(resume)

    def _scan_of_all(
        self, source: Source, chosen: Chosen, earlier: Earlier | None, *, in_order: bool = False
    ) -> BatchedScan:
        before = {} if earlier is None else {"known": earlier.known_tags(), "seen": earlier.first_seen()}
        return self._batched_scan(source, chosen, push_times=True, in_order=in_order, **before)
