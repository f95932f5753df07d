"""The shipped table: real names, tags, dates and architectures of some of Docker's official images.

``benchmarks/make_sample_table.py`` says where it is from and how it was chosen.
"""

from __future__ import annotations

import csv
import lzma
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

_TABLE = "official-images.tsv.xz"
_IMAGE = ("repository", "released", "git_commit", "directory", "architectures", "version")


@dataclass(frozen=True)
class Release:
    """What one or more tags of a repository point to.

    ``version`` is the longest version among all its tags, chosen or not; "" where no tag is a version.
    ``commit`` and ``directory`` say which Dockerfile it was built from; ``architectures`` are in bashbrew's names.
    """

    repository: str
    tags: tuple[str, ...]
    version: str
    released: datetime
    commit: str
    directory: str
    architectures: tuple[str, ...]


def read_releases() -> list[Release]:
    """Return the releases of the shipped table, repository by repository, the oldest first.

    Tags of one Dockerfile that were released at one time are names of one image. (The Dockerfile alone is not enough:
    debian's releases of many months are of one commit.)
    """
    text = lzma.decompress(resources.files(__package__).joinpath(_TABLE).read_bytes()).decode()
    tags: dict[tuple[str, ...], list[str]] = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        tags.setdefault(tuple(row[name] for name in _IMAGE), []).append(row["tag"])
    releases = [
        Release(
            repository=repository,
            tags=tuple(names),
            version=version,
            released=datetime.fromtimestamp(int(seconds), UTC),
            commit=commit,
            directory=directory,
            architectures=tuple(architectures.split(",")),
        )
        for (repository, seconds, commit, directory, architectures, version), names in tags.items()
    ]
    return sorted(releases, key=lambda release: (release.repository, release.released, release.tags))
