"""What an inventory will ask for can be known before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import regframe as rf
from tests.parts import Front, RegistryServer, start_front

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def front(plain_registry: RegistryServer) -> Iterator[Front]:
    """Give a server before the samples, which counts."""
    with start_front(plain_registry) as front:
        yield front


@pytest.fixture
def registry(front: Front, tmp_path: Path) -> rf.Registry:
    """Give the registry behind the front, with an empty cache."""
    return rf.Registry(front.address, cache=tmp_path / "documents.sqlite", progress=False)


def test_a_plan_reads_lists_and_heads_alone(front: Front, registry: rf.Registry) -> None:
    plan = registry.plan()
    tags = registry.tags()
    assert plan["tags"] == len(tags)
    assert plan["repositories"] == len(registry.repositories())
    assert plan.dtype == "Int64"
    assert plan[["cached", "limit"]].isna().tolist() == [False, True]
    front.requests.clear()
    registry.plan()
    heads = {request for request in front.requests if request.startswith("HEAD")}
    rows = zip(tags["repository"], tags["tag"], strict=True)
    assert heads == {f"HEAD /v2/{repository}/manifests/{tag}" for repository, tag in rows}
    assert all("?n=" in request for request in front.requests.keys() - heads)
    assert set(front.requests.values()) == {1}


@pytest.mark.parametrize("cached", [None, "app", "team/multi:1.0", "*"])
def test_a_plan_is_a_lower_bound_and_exact_where_the_cache_has_all(
    front: Front, registry: rf.Registry, cached: str | None
) -> None:
    if cached:
        registry.inventory(cached)
    plan = registry.plan()
    front.requests.clear()
    registry.inventory()
    asked = front.requests.total()
    manifests = sum("/manifests/" in request for request in front.requests.elements())
    assert plan["requests_least"] <= min(asked, plan["requests_expected"])
    if cached == "*":
        assert (plan["requests_least"], plan["requests_expected"]) == (asked, asked)
        assert plan["manifests_expected"] == manifests


def test_a_plan_counts_what_the_cache_answers(front: Front, registry: rf.Registry) -> None:
    tags = registry.inventory().tags
    plan = registry.plan()
    front.requests.clear()
    rf.Registry(front.address, cache=False, progress=False).inventory()
    # What a tag points to comes with the tag's own request.
    below = {request.rpartition("/")[2] for request in front.requests if "/sha256:" in request} - set(tags["digest"])
    assert plan["cached"] == len(below)


def test_a_plan_without_heads_knows_the_lists_alone(front: Front, registry: rf.Registry) -> None:
    plan = registry.plan("team/*", resolve=False)
    assert all("?n=" in request for request in front.requests)
    assert plan["tags"] == 3
    assert plan["requests_least"] == front.requests.total() + 3
    assert plan[["cached", "requests_expected", "manifests_expected"]].isna().all()


def test_a_plan_goes_by_the_platforms_asked_for(front: Front, tmp_path: Path) -> None:
    def plan(platform: str | list[str]) -> pd.Series[int]:
        registry = rf.Registry(front.address, platform=platform, cache=tmp_path / "documents.sqlite", progress=False)
        return registry.plan("team/multi:1.0")

    # The manifests and configs of one or two images, after the tag's own request.
    assert plan("linux/amd64")["requests_expected"] == 3
    assert plan(["linux/amd64", "linux/arm64"])["requests_expected"] == 5
    rf.Registry(front.address, platform="linux/amd64", cache=tmp_path / "documents.sqlite").images("team/multi:1.0")
    assert plan("linux/amd64")["requests_expected"] == 1
    assert plan(["linux/amd64", "linux/arm64"])["requests_least"] == 2
    assert plan(["linux/amd64", "linux/arm64"])["requests_expected"] == 3


def test_without_a_cache_nothing_is_answered_by_it(front: Front) -> None:
    plan = rf.Registry(front.address, cache=False, progress=False).plan("app:latest")
    assert plan["cached"] == 0
    assert (plan["requests_least"], plan["requests_expected"]) == (1, 2)


def test_a_plan_says_what_it_could_not_read_and_nothing_of_what_it_did_not_ask_for(
    front: Front, registry: rf.Registry
) -> None:
    registry.plan("app")
    assert registry.errors.empty
    front.refused = {"/v2/app/tags": 403}
    with pytest.warns(rf.RegframeWarning, match="1 thing"):
        registry.plan()
    assert list(registry.errors["repository"]) == ["app"]
    with pytest.raises(rf.CredentialsRefused):
        registry.plan("app")
    with pytest.raises(rf.CredentialsRefused):
        rf.Registry(front.address, strict=True, progress=False).plan()
