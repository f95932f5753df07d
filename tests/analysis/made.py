"""Small inventories, written down by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import regframe as rf
from regframe.frames import SCHEMAS, frame

# So that a document's size tells what it is of.
INDEX_SIZE, MANIFEST_SIZE, CONFIG_SIZE = 1, 10, 100
EMPTY = "{}"
TAKEN = datetime(2026, 1, 1, tzinfo=UTC)


def digest(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


@dataclass(frozen=True)
class Made:
    """One row of the images frame, and the rows below it.

    ``layers`` are names that end in their size in bytes (``"base 100"``); names that begin with ``foreign`` are not
    stored, and the size ``?`` is not known. Images of the same layers, config and platform are the same image.
    """

    repository: str
    tag: str | None
    layers: tuple[str, ...] = ()
    config: str | None = ""
    platform: str | None = "linux/amd64"
    index: str | None = None
    kind: str = "image"
    subject: str | None = None
    released: str | None = "2024-01-01"
    source: str | None = "config"
    steps: tuple[tuple[str | None, str | None], ...] | None = None
    settings: tuple[tuple[str, str | None, str | None], ...] = ()
    base_name: str | None = None
    base_digest: str | None = None
    sized: bool = True

    @property
    def digest(self) -> str:
        return digest(f"manifest {self.layers} {self.config} {self.platform} {self.kind} {self.steps}")

    @property
    def target(self) -> str:
        """What the tag points to."""
        return digest(self.index) if self.index else self.digest

    @property
    def config_digest(self) -> str | None:
        if self.config is None:
            return None
        return digest(EMPTY) if self.config == EMPTY else digest(f"config {self.config} {self.layers} {self.platform}")

    @property
    def history(self) -> tuple[tuple[str | None, str | None], ...]:
        """Steps and the layers that they made; without any given, one for each layer."""
        return tuple((f"COPY {layer} /", layer) for layer in self.layers) if self.steps is None else self.steps


def layer_size(name: str) -> int | None:
    size = name.rpartition(" ")[2]
    return None if size == "?" else len(EMPTY) if name == EMPTY else int(size)


def inventory(*images: Made, **about: Any) -> rf.Inventory:
    """Return the inventory that holds these images, in their order."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
    repositories = dict.fromkeys(image.repository for image in images)
    rows["repositories"] = [
        {"repository": name, "tags": len({image.tag for image in images if image.repository == name})}
        for name in repositories
    ]
    for image in images:
        own = {
            "repository": image.repository,
            "tag": image.tag,
            "digest": image.digest,
            "platform": image.platform,
        }
        tag = {"repository": image.repository, "tag": image.tag, "digest": image.target, "kind": image.kind}
        if tag not in rows["tags"]:
            rows["tags"].append(tag)
        rows["images"].append(own | _image(image))
        rows["layers"] += [own | _layer(image, position) for position in range(len(image.layers))]
        rows["history"] += [own | _step(image, step) for step in range(len(image.history))]
        rows["config"] += [
            own | dict(zip(("section", "name", "value"), setting, strict=True)) for setting in image.settings
        ]
    frames = {
        name: frame(name, [tuple(row.get(column) for column in SCHEMAS[name]) for row in rows[name]])
        for name in SCHEMAS
    }
    frames["errors"] = about.pop("errors", frames["errors"])
    return rf.Inventory(**frames, **{"registry": "localhost:5000", "taken_at": TAKEN} | about)


def _image(image: Made) -> dict[str, Any]:
    sizes = [layer_size(name) for name in image.layers]
    os, _, architecture = (image.platform or "").partition("/")
    return {
        "index_digest": digest(image.index) if image.index else None,
        "config_digest": image.config_digest,
        "kind": image.kind,
        "subject": image.subject,
        "os": os or None,
        "architecture": architecture or None,
        "released_at": datetime.fromisoformat(image.released).replace(tzinfo=UTC) if image.released else None,
        "released_source": image.source if image.released else None,
        "layers": len(sizes),
        "size": None if None in sizes else sum(size for size in sizes if size),
        "manifest_size": MANIFEST_SIZE if image.sized else None,
        "config_size": None if image.config is None else len(EMPTY) if image.config == EMPTY else CONFIG_SIZE,
        "index_size": INDEX_SIZE if image.index else None,
        "base_name": image.base_name,
        "base_digest": image.base_digest,
    }


def _layer(image: Made, position: int) -> dict[str, Any]:
    name = image.layers[position]
    made_by = [text for text, layer in image.history if layer is not None]
    return {
        "position": position,
        "layer_digest": digest(name),
        "diff_id": digest(f"unpacked {name}"),
        "size": layer_size(name),
        "stored": not name.startswith("foreign"),
        "created_by": made_by[position] if position < len(made_by) else None,
    }


def _step(image: Made, number: int) -> dict[str, Any]:
    text, layer = image.history[number]
    return {
        "step": number,
        "created_by": text,
        "empty_layer": layer is None,
        "layer_digest": digest(layer) if layer else None,
        "size": layer_size(layer) if layer else None,
    }
