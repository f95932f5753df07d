"""What can be asked of a registry besides its images: how it is reached, what it allows, what is attached."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regframe.doctor import Doctor
from regframe.frames import frame
from regframe.plan import Rehearsal, planned, without_rehearsal
from regframe.reader import Reader
from regframe.records import Records
from regframe.referrers import ReferrerSearch
from regframe.selection import Selection, choose
from regframe.sources.cache import DocumentCache
from regframe.sources.pace import Allowance


class Questions(Reader):
    """The calls of a registry that are about itself, or about one image's surroundings; as coroutines."""

    async def ping(self) -> pd.Series[Any]:
        """Return how the registry presents itself, after logging in.

        Returns
        -------
        pandas.Series
            ``registry``, ``url``, ``api_version``, ``auth`` (none, basic or bearer) and ``server``.

        Raises
        ------
        RegframeError
            If it cannot be reached, refuses the credentials, or is not a registry.

        Examples
        --------
        >>> registry.ping()["auth"]  # doctest: +SKIP
        'basic'
        """
        async with self._connection.place() as source:
            return pd.Series(await source.ping(), name=self._connection.name, dtype="str")

    async def limits(self) -> pd.Series[Any]:
        """Return what the registry's rate limit leaves, by a request that it does not count.

        Returns
        -------
        pandas.Series
            ``limit`` and ``remaining`` (requests), ``window`` (seconds), and ``asked``, the request whose answer said
            so. Missing is what the registry does not say; most say nothing, and few have a limit.

        Raises
        ------
        RegframeError
            If the registry cannot be reached, or refuses the credentials.

        Examples
        --------
        >>> Registry("docker.io").limits()["remaining"]  # doctest: +SKIP
        97
        """
        async with self._connection.source() as source:
            asked, allowance = await source.limits()
        limits = vars(allowance or Allowance())
        return pd.Series({**limits, "asked": asked}, name=self._connection.name, dtype="object")

    async def doctor(self, reference: str | None = None) -> pd.DataFrame:
        """Return what the registry offers and how, each with what that means for an inventory.

        It is made to go into a bug report: no credentials, no token and no user's name is in it. Nothing is changed
        in the registry. What cannot be found out is a row, and so is a registry that cannot be reached.

        Parameters
        ----------
        reference : str, optional
            An image to try things on; without it the target's own, or the first that the registry lists.

        Returns
        -------
        pandas.DataFrame
            ``check`` (address, TLS, certificate, HTTP, clock, login, catalog, HEAD, digest header, ranges, referrers,
            rate limit, …), ``result``, ``verdict`` (good, note, problem, not tested), ``meaning``.

        Raises
        ------
        InvalidReference
            If the reference is none.

        Examples
        --------
        >>> found = registry.doctor()                           # doctest: +SKIP
        >>> found[found["verdict"] == "problem"]                # doctest: +SKIP
        """
        image = self._connection.pattern(reference) if reference else None
        async with self._connection.source() as source:
            findings = [vars(finding) async for finding in Doctor(self._connection, source).findings(image)]
        return frame("doctor", [tuple(finding.values()) for finding in findings])

    async def plan(self, selection: Selection = None, *, resolve: bool = True) -> pd.Series[Any]:
        """Return what an inventory would ask for, and what the registry's rate limit leaves.

        This reads the lists of tags, and asks by one HEAD request what each tag points to, which Docker Hub does not
        count. It asks for no document.

        Parameters
        ----------
        selection : Selection
            As for :meth:`images`.
        resolve : bool
            Whether to ask what tags point to. Without it, nothing is known of the cache, and only the lists are read.

        Returns
        -------
        pandas.Series
            ``repositories`` and ``tags`` (counts); ``cached``, how many documents the cache answers; ``requests_least``
            and ``requests_expected``, how many requests an inventory takes: surely, and by an estimate for indexes
            that were never read (they are taken to hold what the others hold on average, or 4 images); of these
            ``manifests_expected`` are GET requests for manifests, which is what Docker Hub counts; ``limit``,
            ``remaining`` and ``window`` (seconds) of the rate limit. Missing is what is not known.

        Examples
        --------
        >>> plan = registry.plan("library/python")                      # doctest: +SKIP
        >>> plan["manifests_expected"] <= plan["remaining"]             # doctest: +SKIP
        True
        """
        chosen = choose(selection, self._connection.pattern, self._connection.default)
        async with self._connection.source() as source, DocumentCache.opened(self._connection.cache) as documents:
            rehearsal = Rehearsal(source, documents, resolve=resolve)
            scan = self._scan(rehearsal, chosen, strict=False)
            records = await scan.run()
            plan = planned(
                rehearsal,
                records,
                tags=scan.progress.tags,
                lists=source.requests["GET"] + source.requests["POST"],
                platforms=len(self._connection.platforms),
                head_first=self._connection.asks_head_first and self._connection.cache is not None,
                allowance=source.allowance,
            )
        self._scanned = without_rehearsal(records)
        self.errors = self._framed(self._scanned, chosen.only).errors
        if self._connection.strict or not plan["tags"]:
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=3)
        return plan

    async def referrers(self, reference: str | None = None, *, artifact_type: str | None = None) -> pd.DataFrame:
        """Return what is attached to an image: signatures, SBOMs, attestations and other artifacts.

        They are looked for in all ways there are: by the referrers API or, where there is none, its tag; by cosign's
        tags; and among the entries of the image's index. The index is looked at, and each image that it names.

        Parameters
        ----------
        reference : str, optional
            The image; the target's own without it.
        artifact_type : str, optional
            What to look for; everything without it.

        Returns
        -------
        pandas.DataFrame
            ``repository``, ``subject`` (the digest of what it is attached to), ``platform`` (of that, where an index
            names it), ``digest``, ``kind``, ``artifact_type`` (its own, else what all its layers are),
            ``predicate_type`` (what an attestation states, such as ``https://spdx.dev/Document``), ``media_type``,
            ``size`` (bytes of its layers), ``manifest_size``, ``created`` (where an annotation says so), ``found_by``
            (referrers API, referrers tag, cosign tag, index), ``annotations`` (JSON).

        Raises
        ------
        NotFound
            If there is no such image.

        Examples
        --------
        >>> registry.referrers("team/app:1.0")[["kind", "predicate_type", "found_by"]]  # doctest: +SKIP
        """
        async with self._connection.opened() as (source, documents):
            pattern = await self._one(reference, source)
            search = ReferrerSearch(source, documents, pattern.repository, artifact_type, self._connection.concurrency)
            rows = await search.rows(pattern.digest or pattern.tag or "latest")
        self._scanned = Records(failures=search.failures)
        self.errors = self._framed(self._scanned, frozenset()).errors
        if self._connection.strict:
            self._raise_first()
        if self._warns:
            self._warn(stacklevel=3)
        return frame("referrers", rows)
