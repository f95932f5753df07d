"""Repositories under ``sample/``: one for each shape that real registries hold beside plain images."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from regframe.demo import layers
from regframe.demo.content import MADE_UP_NOTE, SAMPLE_KEY, ContentBuilder, Descriptor, digest_of
from regframe.demo.images import add_attestation
from regframe.oci import media_types

_TIME = "2026-03-02T09:30:00Z"
_EPOCH = "1970-01-01T00:00:00Z"

Files = Mapping[str, bytes | str]

_SYSTEM: Files = {
    "bin/": b"",
    "bin/hello": b'#!/bin/sh\necho "Hello from the sample registry"\n',
    "etc/": b"",
    "etc/os-release": b'NAME="Sample"\nID=sample\nVERSION_ID=1\nPRETTY_NAME="Sample 1"\n',
    "usr/": b"",
    "usr/bin": "../bin",
}
_APP: Files = {
    "app/": b"",
    "app/main.py": b'print("hello")\n',
    "app/settings.toml": b'[server]\nport = 8080\nname = "sample"\n',
    "app/draft.txt": b"to be deleted in the next layer\n",
}
_CLEANED: Files = {"app/": b"", "app/.wh.draft.txt": b"", "app/data.csv": b"day,visits\n2026-03-01,12\n2026-03-02,30\n"}
_CHART: Files = {"chart/": b"", "chart/Chart.yaml": b"apiVersion: v2\nname: chart\nversion: 0.1.0\n"}
_STEPS = (
    ("COPY system/ / # buildkit", _SYSTEM),
    ("COPY app/ /app/ # buildkit", _APP),
    ("RUN /bin/sh -c rm /app/draft.txt && collect > /app/data.csv # buildkit", _CLEANED),
)


def add_shapes(builder: ContentBuilder) -> None:
    """Add the repositories of ``sample/``.

    ``sample/chart:0.1.0``
        A Helm chart: an artifact by the media type of its config.
    ``sample/empty``
        In the catalog, without a tag.
    ``sample/files:1.0``, ``1.0-docker``, ``1.0-zstd``, ``multi``
        One small image whose layers are real: as OCI image, as Docker image, compressed by zstd, and on two platforms
        with an attestation.
    ``sample/nested:1.0``
        An index inside an index.
    ``sample/reproducible:1.0``
        Every date is 1970-01-01T00:00:00Z.
    ``sample/signed:1.0``, ``1.0-sbom``, ``sha256-….sig``
        An image with an SBOM (an artifact with a subject), a cosign signature, and a report without a tag.
    """
    image = _image(builder)
    builder.tag("sample/files", "1.0", "latest", points_to=image)
    builder.tag("sample/files", "1.0-docker", points_to=_image(builder, family="docker"))
    builder.tag("sample/files", "1.0-zstd", points_to=_image(builder, compression="zstd"))
    arm = _image(builder, architecture="arm64")
    attestation = add_attestation(builder, image, "pkg:docker/sample/files@multi")
    builder.tag("sample/files", "multi", points_to=_index(builder, image, arm, attestation))
    builder.tag("sample/chart", "0.1.0", points_to=_chart(builder))
    builder.tag("sample/empty")
    builder.tag("sample/nested", "1.0", points_to=_index(builder, _index(builder, image), _index(builder, arm)))
    builder.tag("sample/reproducible", "1.0", points_to=_image(builder, time=_EPOCH))
    signed = _image(builder, label="signed")
    subject = {key: value for key, value in signed.items() if key != "platform"}
    builder.tag("sample/signed", "1.0", points_to=signed)
    builder.tag("sample/signed", "1.0-sbom", points_to=_sbom(builder, subject))
    builder.tag("sample/signed", f"{subject['digest'].replace(':', '-')}.sig", points_to=_signature(builder, subject))
    _report(builder, subject)


def _image(
    builder: ContentBuilder,
    *,
    family: str = "oci",
    compression: str = "gzip",
    architecture: str = "amd64",
    time: str = _TIME,
    label: str = "files",
) -> Descriptor:
    """Add the image of ``_STEPS``; return it as an entry of an index."""
    oci = family == "oci"
    layer_type = media_types.OCI_LAYER_GZIP if oci else media_types.DOCKER_LAYER_GZIP
    layer_type = media_types.OCI_LAYER_ZSTD if compression == "zstd" else layer_type
    compress = layers.zstd if compression == "zstd" else layers.gzip
    archives = [layers.tar(files, datetime.fromisoformat(time)) for _, files in _STEPS]
    platform = {"architecture": architecture, "os": "linux", **({"variant": "v8"} if architecture == "arm64" else {})}
    comment = {"comment": "buildkit.dockerfile.v0"}
    config = {
        **platform,
        "created": time,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "APP_MODE=sample"],
            "Entrypoint": ["/bin/hello"],
            "WorkingDir": "/app",
            "Labels": {SAMPLE_KEY: MADE_UP_NOTE, "org.opencontainers.image.title": label},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest_of(archive) for archive in archives]},
        "history": [
            *({"created": time, "created_by": step, **comment} for step, _ in _STEPS),
            {"created": time, "created_by": 'ENTRYPOINT ["/bin/hello"]', **comment, "empty_layer": True},
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST if oci else media_types.DOCKER_MANIFEST,
        "config": builder.json_blob(config, media_types.OCI_CONFIG if oci else media_types.DOCKER_CONFIG),
        "layers": [builder.blob(compress(archive), layer_type) for archive in archives],
    }
    return {**builder.manifest(manifest), "platform": platform}


def _index(builder: ContentBuilder, *entries: Descriptor) -> Descriptor:
    return builder.manifest(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": list(entries),
            "annotations": {SAMPLE_KEY: MADE_UP_NOTE},
        }
    )


def _artifact(builder: ContentBuilder, **parts: Any) -> Descriptor:
    return builder.manifest(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": builder.blob(b"{}", media_types.OCI_EMPTY),
            **parts,
        }
    )


def _chart(builder: ContentBuilder) -> Descriptor:
    chart = {
        "apiVersion": "v2",
        "name": "chart",
        "version": "0.1.0",
        "description": "A sample chart",
        "type": "library",
    }
    files = layers.tar(_CHART, datetime.fromisoformat(_TIME))
    return _artifact(
        builder,
        config=builder.json_blob(chart, "application/vnd.cncf.helm.config.v1+json"),
        layers=[builder.blob(layers.gzip(files), "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
        annotations={
            "org.opencontainers.image.created": _TIME,
            "org.opencontainers.image.title": "chart",
            SAMPLE_KEY: MADE_UP_NOTE,
        },
    )


def _sbom(builder: ContentBuilder, subject: Descriptor) -> Descriptor:
    document = {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "sample/signed",
        "dataLicense": "CC0-1.0",
        "packages": [{"name": "sample", "SPDXID": "SPDXRef-sample", "versionInfo": "1", "downloadLocation": "NONE"}],
    }
    return _artifact(
        builder,
        artifactType="application/spdx+json",
        layers=[builder.json_blob(document, "application/spdx+json")],
        subject=subject,
        annotations={"org.opencontainers.image.created": _TIME, SAMPLE_KEY: MADE_UP_NOTE},
    )


def _report(builder: ContentBuilder, subject: Descriptor) -> Descriptor:
    """Add a report that only the referrers API leads to."""
    return _artifact(
        builder,
        artifactType="application/vnd.example.report.v1+json",
        layers=[builder.json_blob({"findings": []}, "application/json")],
        subject=subject,
        annotations={SAMPLE_KEY: MADE_UP_NOTE},
    )


def _signature(builder: ContentBuilder, image: Descriptor) -> Descriptor:
    """Add what cosign stores beside an image; the signature is of the right form and verifies nothing."""
    payload = {
        "critical": {
            "identity": {"docker-reference": "localhost/sample/signed"},
            "image": {"docker-manifest-digest": image["digest"]},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    layer = builder.json_blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = {"dev.cosignproject.cosign/signature": "bWFkZSB1cCBmb3IgdGhlIHNhbXBsZSByZWdpc3RyeQ=="}
    config = {
        "architecture": "",
        "os": "",
        "created": "0001-01-01T00:00:00Z",
        "config": {},
        "history": [{"created": "0001-01-01T00:00:00Z"}],
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    return builder.manifest(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": builder.json_blob(config, media_types.OCI_CONFIG),
            "layers": [layer],
        }
    )
