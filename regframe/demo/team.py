"""Repositories under ``team/``: what a team builds on the official images, for one platform and without an index."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from regframe.demo import dockerfiles
from regframe.demo.content import MADE_UP_NOTE, ContentBuilder
from regframe.demo.images import ARCHITECTURES, add_image
from regframe.demo.official import OfficialImages
from regframe.demo.recipes import Stage
from regframe.demo.table import Release

_FIRST = datetime(2025, 2, 3, 10, tzinfo=UTC)
_LAST = datetime(2026, 8, 17, 10, tzinfo=UTC)


def add_team_images(builder: ContentBuilder, official: OfficialImages, releases: list[Release]) -> None:
    """Add the repositories of ``team/``: their names, versions and dates are made up too.

    ``team/api``
        Built every other week on what was then python's newest slim image, as OCI image. Each build is tagged
        with its commit, every second one released as a version.
    ``team/web``
        Built every sixth week on nginx's stable image on Alpine, as Docker image.
    """
    slim = [release for release in releases if release.directory.startswith("3.13/slim-")]
    alpine = [release for release in releases if release.directory == "stable/alpine"]
    for number, (time, base) in enumerate(_builds(slim, timedelta(weeks=2))):
        commit = hashlib.sha256(f"api {number}".encode()).hexdigest()[:7]
        version = f"1.{number // 4}.{number % 4 // 2}"
        # The requirements change now and then; until then their layer is that of the build before.
        values = {"requirements": str(number // 5 + 1), "size": f"{34 + number // 5 * 2.5:.1f}M"}
        tags = [f"main-{commit}", "main", *([version, "latest"] if number % 2 == 0 else [])]
        stage = _stage("team/api", dockerfiles.TEAM_API, time, commit, version, **values)
        _add(builder, official, base, stage, tags, oci=True)
    for number, (time, base) in enumerate(_builds(alpine, timedelta(weeks=6))):
        commit = hashlib.sha256(f"web {number}".encode()).hexdigest()[:7]
        version = f"{2 + number // 6}.{number % 6}.0"
        stage = _stage("team/web", dockerfiles.TEAM_WEB, time, commit, version, size=f"{3.1 + number * 0.2:.1f}M")
        _add(builder, official, base, stage, [version, "latest"], oci=False)


def _builds(bases: list[Release], every: timedelta) -> list[tuple[datetime, Release]]:
    """Return the times of builds, each with the newest base of that time."""
    times = [_FIRST + every * number for number in range((_LAST - _FIRST) // every + 1)]
    return [(time, max((one for one in bases if one.released <= time), key=lambda one: one.released)) for time in times]


def _stage(name: str, dockerfile: str, time: datetime, commit: str, version: str, **values: str) -> Stage:
    filled = {"commit": commit, "version": version, **values}
    return Stage(dockerfile, filled, time, "buildkit", f"{name} {commit}", f"{name}:{version}")


def _add(
    builder: ContentBuilder, official: OfficialImages, base: Release, stage: Stage, tags: list[str], *, oci: bool
) -> None:
    stages = (*official.recipes.stages(base), stage)
    annotations = official.base_annotations(stages, "amd64") | {
        "org.opencontainers.image.revision": stage.values["commit"],
        "org.opencontainers.image.version": stage.values["version"],
    }
    amd64 = ARCHITECTURES["amd64"]
    image = add_image(builder, stages, amd64, oci=oci, note=MADE_UP_NOTE, annotations=annotations)
    builder.tag(stage.name.partition(":")[0], *tags, points_to=image)
