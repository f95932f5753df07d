"""A registry's storage folder, made from the shared table of Docker's official images.

Repositories, tags, dates and architectures are real, and the rest is made up (see ``made_up_images``). Only metadata
is there: layers have a digest and a size, and no bytes.

The folder is laid out as CNCF Distribution 2 does it (``registry/storage/paths.go``), without what reading never
looks at: the former versions of a tag (``tags/TAG/index``), and links to layers.
"""

from __future__ import annotations

import csv
import hashlib
import lzma
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from made_up_images import Documents, Image, digest, documents

from regframe.reference import is_tag

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "official-images.tsv.xz"
"""Docker's official images: repositories, tags, dates and architectures."""


@dataclass(frozen=True)
class Totals:
    """What an inventory of the corpus has to come to.

    Attributes
    ----------
    repositories, tags, manifests, configs, layers : int
        How many there are; of the last three, distinct ones.
    size : int
        The sum of the sizes of all tags' images, in bytes.
    stored_size : int
        The sum of the sizes of the distinct layers, in bytes.
    layer_rows, history_rows, config_rows, errors : int
        The rows of these frames.
    images : str
        The digest of what the images frame says of each image (:func:`digest_of_rows`).
    """

    repositories: int
    tags: int
    manifests: int
    configs: int
    layers: int
    size: int
    stored_size: int
    layer_rows: int
    history_rows: int
    config_rows: int
    errors: int
    images: str


@dataclass(frozen=True)
class Corpus:
    """A storage folder, the references in it (``python:3.13``), and what they come to."""

    storage: Path
    references: list[str]
    totals: Totals

    @property
    def fewest_requests(self) -> int:
        """One for each tag, config and list: docker-registry 2 gives a list of tags in one page."""
        return self.totals.tags + self.totals.configs + self.totals.repositories + 1


def write_corpus(storage: Path, table: Path, tags: int) -> Corpus:
    """Write a storage folder with so many tags of the table, or with all if it has fewer.

    Images are drawn evenly, each with its tags: large repositories are large, small ones small, and a larger corpus
    holds what a smaller one has.
    """
    images = _drawn(_read(table), tags)
    writer = _Writer(storage)
    rows: list[tuple[str, str, str, str, int]] = []
    layers: dict[str, int] = {}
    layer_rows = history_rows = config_rows = 0
    for image in images:
        found = documents(image)
        manifest_digest, config_digest = writer.write(image, found)
        own_layers = {layer["digest"]: layer["size"] for layer in found.manifest["layers"]}
        layers |= own_layers
        layer_rows += len(image.tags) * len(own_layers)
        history_rows += len(image.tags) * len(found.config["history"])
        config_rows += len(image.tags) * _settings(found)
        size = sum(own_layers.values())
        rows += [(image.repository, tag, manifest_digest, config_digest, size) for tag in image.tags]
    return Corpus(
        storage,
        [f"{repository}:{tag}" for repository, tag, *_ in rows],
        Totals(
            repositories=len({image.repository for image in images}),
            tags=len(rows),
            manifests=len({row[2] for row in rows}),
            configs=len({row[3] for row in rows}),
            layers=len(layers),
            size=sum(row[4] for row in rows),
            stored_size=sum(layers.values()),
            layer_rows=layer_rows,
            history_rows=history_rows,
            config_rows=config_rows,
            errors=0,
            images=digest_of_rows(rows),
        ),
    )


def differences(wanted: Totals, found: Mapping[str, object]) -> list[str]:
    """Return a sentence for each thing that an inventory of the corpus got wrong."""
    return [
        f"Wrong rows: {name} is {found[name]}, and should be {value}."
        for name, value in asdict(wanted).items()
        if value != found[name]
    ]


def move_tags(corpus: Corpus, count: int, chosen_by: random.Random) -> None:
    """Let so many tags point to another image of their repository."""
    names: dict[str, list[str]] = {}
    for reference in corpus.references:
        repository, _, tag = reference.rpartition(":")
        names.setdefault(repository, []).append(tag)
    for reference in chosen_by.sample(corpus.references, len(corpus.references)):
        if count == 0:
            return
        repository, _, tag = reference.rpartition(":")
        links = {tag: _tag_link(corpus.storage, repository, tag) for tag in names[repository]}
        own = links[tag].read_text()
        if others := sorted({link.read_text() for link in links.values()} - {own}):
            # Tags of one image share a file.
            links[tag].unlink()
            links[tag].write_text(chosen_by.choice(others))
            count -= 1


def _tag_link(storage: Path, repository: str, tag: str) -> Path:
    return _root(storage) / "repositories" / repository / "_manifests" / "tags" / tag / "current" / "link"


def _root(storage: Path) -> Path:
    return storage / "docker" / "registry" / "v2"


def digest_of_rows(rows: Iterable[tuple[str, str, str, str, int]]) -> str:
    """Return one digest of rows (repository, tag, digest, config digest, size) in any order."""
    lines = sorted("\t".join(map(str, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(table: Path) -> list[Image]:
    images: dict[str, Image] = {}
    with lzma.open(table, "rt", newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            # Seven of the 121,364 are slips of the pen that no registry takes, such as “latest,”.
            if not is_tag(line["tag"]):
                continue
            origin = (line["repository"], line["git_commit"], line["directory"], line["architectures"])
            image = Image(*origin, created=int(line["released"]), tags=(line["tag"],))
            if known := images.get(image.key):
                image = replace(image, created=min(image.created, known.created), tags=known.tags + image.tags)
            images[image.key] = image
    return list(images.values())


def _drawn(images: list[Image], tags: int) -> list[Image]:
    drawn: list[Image] = []
    left = tags
    for image in sorted(images, key=lambda image: digest(image.key.encode())):
        if left <= 0:
            break
        drawn.append(replace(image, tags=image.tags[:left]))
        left -= len(image.tags)
    return drawn


def _settings(found: Documents) -> int:
    """Return how many settings the config has: each of a collection, but a command with its arguments is one."""
    commands = ("Entrypoint", "Cmd")
    settings = found.config["config"].items()
    return sum(1 if name in commands or isinstance(value, str) else len(value) for name, value in settings)


class _Writer:
    """Writes documents and links with as few inodes as the layout allows."""

    def __init__(self, storage: Path) -> None:
        self._blobs = _root(storage) / "blobs" / "sha256"
        self._repositories = _root(storage) / "repositories"
        for number in range(256):
            (self._blobs / f"{number:02x}").mkdir(parents=True)

    def write(self, image: Image, found: Documents) -> tuple[str, str]:
        """Write an image with its tags, and return the digests of its manifest and its config."""
        manifests = self._repositories / image.repository / "_manifests"
        revisions, tags = manifests / "revisions" / "sha256", manifests / "tags"
        layers = self._repositories / image.repository / "_layers" / "sha256"
        if not manifests.exists():
            for folder in (revisions, tags, layers):
                folder.mkdir(parents=True)
        manifest_digest, config_digest = self._write_blob(found.manifest_data), self._write_blob(found.config_data)
        link = _write_link(revisions, manifest_digest)
        _write_link(layers, config_digest)
        for tag in image.tags:
            current = tags / tag / "current"
            current.mkdir(parents=True)
            # The same content, and an inode less for each tag.
            (current / "link").hardlink_to(link)
        return manifest_digest, config_digest

    def _write_blob(self, data: bytes) -> str:
        content_digest = digest(data)
        encoded = content_digest.removeprefix("sha256:")
        folder = self._blobs / encoded[:2] / encoded
        folder.mkdir()
        (folder / "data").write_bytes(data)
        return content_digest


def _write_link(folder: Path, content_digest: str) -> Path:
    link = folder / content_digest.removeprefix("sha256:") / "link"
    link.parent.mkdir()
    link.write_text(content_digest)
    return link
