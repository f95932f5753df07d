"""The repositories of the shipped table: each release with an image for each of its architectures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from regframe.demo.content import SAMPLE_KEY, SAMPLE_NOTE, ContentBuilder, Descriptor
from regframe.demo.images import ARCHITECTURES, add_attestation, add_image
from regframe.demo.recipes import BUILDKIT_SINCE, Recipes, Stage
from regframe.demo.table import Release
from regframe.oci import media_types

# Indexes became OCI's with BuildKit, the manifests in them some months later; in between they are mixed.
_OCI_MANIFESTS_SINCE = datetime(2024, 3, 1, tzinfo=UTC)
# Later than in reality: each attestation is one more document to read.
_ATTESTED_SINCE = datetime(2026, 6, 1, tzinfo=UTC)

_SOURCES = {"alpine": "alpinelinux/docker-alpine", "archlinux": "archlinux/archlinux-docker",
            "debian": "debuerreotype/docker-debian-artifacts", "nginx": "nginx/docker-nginx",
            "node": "nodejs/docker-node", "registry": "distribution/distribution-library-image"}  # fmt: skip


class OfficialImages:
    """Adds the releases of the table, and knows the digest of each on each architecture."""

    def __init__(self, builder: ContentBuilder, releases: list[Release]) -> None:
        self.recipes = Recipes(releases)
        self._builder = builder
        self._digests: dict[tuple[Release, str], str] = {}
        # Bases come first, since what stands on them names their digest.
        for release in sorted(releases, key=lambda release: release.repository not in ("alpine", "debian")):
            builder.tag(release.repository, *release.tags, points_to=self._add(release))

    def base_annotations(self, stages: tuple[Stage, ...], architecture: str) -> dict[str, str]:
        """Return the annotations that name the base of the last stage."""
        if len(stages) < 2:
            return {}
        base = stages[-2]
        annotations = {"org.opencontainers.image.base.name": base.name}
        digest = self._digests.get((base.release, architecture)) if base.release else None
        return annotations | ({"org.opencontainers.image.base.digest": digest} if digest else {})

    def _add(self, release: Release) -> Descriptor:
        stages = self.recipes.stages(release)
        images = [self._add_image(release, stages, architecture) for architecture in release.architectures]
        if len(images) == 1 and release.released < BUILDKIT_SINCE:
            return images[0]
        oci = release.released >= BUILDKIT_SINCE
        if release.released >= _ATTESTED_SINCE:
            name = f"pkg:docker/{release.repository}@{release.tags[0]}"
            images = [entry for image in images for entry in (image, add_attestation(self._builder, image, name))]
        index: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX if oci else media_types.DOCKER_INDEX,
            "manifests": images,
        }
        if oci:
            index["annotations"] = {SAMPLE_KEY: SAMPLE_NOTE}
        return self._builder.manifest(index)

    def _add_image(self, release: Release, stages: tuple[Stage, ...], architecture: str) -> Descriptor:
        source = _SOURCES.get(release.repository, f"docker-library/{release.repository}")
        path = f":{release.directory}" if release.directory else ""
        annotations = {
            "org.opencontainers.image.source": f"https://github.com/{source}.git#{release.commit}{path}",
            "org.opencontainers.image.revision": release.commit,
            "org.opencontainers.image.version": release.version or release.tags[0],
            **self.base_annotations(stages, architecture),
        }
        image = add_image(
            self._builder,
            stages,
            ARCHITECTURES[architecture],
            oci=release.released >= _OCI_MANIFESTS_SINCE,
            note=SAMPLE_NOTE,
            annotations=annotations,
        )
        self._digests[release, architecture] = image["digest"]
        return image
