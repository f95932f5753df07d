"""Documents are fetched once, and what is kept of them is neither trusted nor needed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import regframe as rf
from regframe.sources.cache import DocumentCache
from tests.parts import Certificate, Front, RegistryServer, start_front, start_proxy, start_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LISTS = re.compile(r"GET /v2/(_catalog|.+/tags/list)\?n=1000")
_TAGS = re.compile(r"GET /v2/.+/manifests/(?!sha256:).+")


@pytest.fixture
def front(plain_registry: RegistryServer) -> Iterator[Front]:
    """Give a server before the samples, which counts."""
    with start_front(plain_registry) as front:
        yield front


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give where a cache can be."""
    return tmp_path / "cache" / "documents.sqlite"


def inventory(address: str, cache: bool | Path, **options: object) -> rf.Inventory:
    """Take an inventory of the samples: images without a date of their own are seen now."""
    return rf.Registry(address, cache=cache, progress=False, **options).inventory()  # type: ignore[arg-type]


def configs_asked_for(front: Front) -> set[str]:
    """Return their digests; in which of several repositories one is asked for is not settled."""
    return {request.rpartition("/")[2] for request in front.requests if "/blobs/" in request}


def assert_same(found: rf.Inventory, expected: rf.Inventory) -> None:
    """Check that two inventories say the same, but for when an image was seen."""
    for name, frame in expected.frames():
        frames = [frame, getattr(found, name)]
        if name == "images":
            frames = [
                one.assign(released_at=one["released_at"].mask(one["released_source"] == "seen")) for one in frames
            ]
        pd.testing.assert_frame_equal(frames[1], frames[0])


def documents(file: Path) -> dict[str, bytes]:
    """Read what is in the cache."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return dict(connection.execute("SELECT digest, data FROM documents").fetchall())


def test_second_inventory_asks_once_for_each_tag_and_for_nothing_else(front: Front, file: Path) -> None:
    first = inventory(front.address, file)
    asked_first = Counter(front.requests)
    front.requests.clear()
    second = inventory(front.address, file)

    assert_same(second, first)
    tags = {
        f"GET /v2/{repository}/manifests/{tag}"
        for repository, tag in zip(first.tags["repository"], first.tags["tag"], strict=True)
    }
    lists = {request for request in front.requests if _LISTS.fullmatch(request)}
    assert len(lists) == 1 + len(first.repositories)
    assert front.requests == Counter(tags | lists)
    assert (
        sum("/blobs/" in request for request in asked_first)
        == first.images["config_digest"][first.images["kind"] == "image"].nunique()
    )


def test_what_one_method_read_the_next_one_does_not_ask_for(front: Front, file: Path) -> None:
    registry = rf.Registry(front.address, cache=file)
    registry.images("team/multi:1.0")
    front.requests.clear()
    registry.layers("team/multi:1.0")
    assert front.requests == Counter({"GET /v2/team/multi/manifests/1.0": 1})

    front.requests.clear()
    registry.inspect("team/multi:1.0", platform="linux/amd64")
    assert not [request for request in front.requests if "sha256" in request]


def test_without_a_cache_everything_is_asked_for_again_and_nothing_is_written(front: Front, tmp_path: Path) -> None:
    first = inventory(front.address, cache=False)
    configs = configs_asked_for(front)
    front.requests.clear()
    assert_same(inventory(front.address, cache=False), first)
    assert configs_asked_for(front) == configs != set()
    assert list(tmp_path.rglob("*.sqlite")) == []


def test_the_cache_is_on_by_default_in_the_users_own_folder(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGFRAME_CACHE")
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    rf.Registry(front.address).images("app:latest")
    (file,) = tmp_path.rglob("documents.sqlite")
    assert documents(file)
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("setting", ["off", "OFF"])
def test_the_environment_turns_the_cache_off(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("REGFRAME_CACHE", setting)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rf.Registry(front.address).images("app:latest")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_the_file_or_its_folder(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGFRAME_CACHE", str(tmp_path / "mine.sqlite"))
    rf.Registry(front.address).images("app:latest")
    assert documents(tmp_path / "mine.sqlite")
    monkeypatch.setenv("REGFRAME_CACHE", str(tmp_path))
    rf.Registry(front.address).images("app:latest")
    assert documents(tmp_path / "documents.sqlite")
    # What the program says counts for more than what the environment says.
    rf.Registry(front.address, cache=tmp_path / "other.sqlite").images("app:latest")
    assert documents(tmp_path / "other.sqlite")


def test_wrong_bytes_under_a_digest_are_not_believed_and_mended(front: Front, file: Path) -> None:
    first = inventory(front.address, file)
    before = documents(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        forged = json.dumps({"architecture": "forged", "os": "forged", "rootfs": {"type": "layers", "diff_ids": []}})
        connection.execute("UPDATE documents SET data = ?", (forged.encode(),))
    assert_same(inventory(front.address, file), first)
    assert documents(file) == before


@pytest.mark.parametrize("value", [None, "text", 7, b"x" * (9 * 1024 * 1024)], ids=["null", "text", "number", "large"])
def test_strange_values_in_the_cache_do_no_harm(front: Front, file: Path, value: object) -> None:
    first = inventory(front.address, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        # SQLite holds a column to no type.
        connection.execute("UPDATE documents SET used = 'long ago'")
        if value is not None:
            connection.execute("UPDATE documents SET data = ? WHERE rowid < 5", (value,))
    assert_same(inventory(front.address, file), first)
    assert_same(inventory(front.address, file), first)


def _overwrite(file: Path, start: int, data: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(os.urandom(50_000)),
        lambda file: file.write_bytes(bytes(50_000)),
        lambda file: _overwrite(file, 0, bytes(100)),
        lambda file: _overwrite(file, 100, os.urandom(4000)),
        lambda file: _overwrite(file, 8192, os.urandom(file.stat().st_size - 8192)),
        lambda file: _overwrite(file, 8192, bytes(file.stat().st_size - 8192)),
        lambda file: os.truncate(file, file.stat().st_size // 2),
        lambda file: os.truncate(file, 8192),
    ],
    ids=["empty", "noise", "zeros", "no header", "no schema", "noise inside", "zeros inside", "half", "first page"],
)
def test_a_damaged_cache_is_set_aside(
    front: Front, file: Path, damage: Callable[[Path], object], request: pytest.FixtureRequest
) -> None:
    is_inside = "inside" in request.node.name
    first = inventory(front.address, file)
    before = documents(file)
    damage(file)
    damaged = file.read_bytes()

    assert_same(inventory(front.address, file), first)
    assert file.with_name("documents.sqlite.damaged").read_bytes() == damaged
    if not is_inside:
        # What is seen at once costs nothing more than this scan.
        assert documents(file) == before
    inventory(front.address, file)
    front.requests.clear()
    assert_same(inventory(front.address, file), first)
    assert not [request for request in front.requests if "sha256:" in request]
    assert documents(file) == before


def test_a_database_of_something_else_is_left_alone(
    front: Front, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "mine.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE mine (value)")
    before = file.read_bytes()
    found = inventory(front.address, file)
    assert_same(found, inventory(front.address, cache=False))
    assert file.read_bytes() == before
    assert str(file) in caplog.text


def test_a_trigger_that_a_stranger_put_there_does_not_run(front: Front, file: Path) -> None:
    inventory(front.address, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM documents")
        connection.execute("CREATE TABLE traps (n)")
        connection.execute("CREATE TRIGGER trap AFTER INSERT ON documents BEGIN INSERT INTO traps VALUES (1); END")
    inventory(front.address, file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM traps").fetchone() == (0,)


def test_a_locked_cache_is_gone_without(front: Front, file: Path) -> None:
    first = inventory(front.address, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert_same(inventory(front.address, file), first)
        other.execute("ROLLBACK")


def test_a_cache_that_another_process_is_writing_is_read(front: Front, file: Path) -> None:
    first = inventory(front.address, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        front.requests.clear()
        assert_same(inventory(front.address, file), first)
        other.execute("ROLLBACK")
    assert not [request for request in front.requests if "sha256:" in request]


def test_a_place_that_cannot_be_written_is_gone_without(front: Front, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    found = inventory(front.address, tmp_path / "file" / "documents.sqlite")
    assert_same(found, inventory(front.address, cache=False))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_of_another_user_gets_nothing(front: Front, file: Path) -> None:
    first = inventory(front.address, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM documents")
    os.chown(file, 12345, 12345)
    assert_same(inventory(front.address, file), first)
    assert documents(file) == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_read(front: Front, file: Path) -> None:
    first = inventory(front.address, file)
    file.chmod(0o400)
    file.parent.chmod(0o500)
    assert_same(inventory(front.address, file), first)
    file.parent.chmod(0o700)


_FULL_DISK = """
import resource, signal, sys
import regframe as rf
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
inventory = rf.Registry(sys.argv[1], cache=sys.argv[2], progress=False).inventory()
print(len(inventory.images), len(inventory.config), len(inventory.errors))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_ends_no_scan(front: Front, file: Path) -> None:
    expected = inventory(front.address, cache=False)
    command = [sys.executable, "-c", _FULL_DISK, front.address, str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == [str(len(frame)) for frame in (expected.images, expected.config, expected.errors)]
    # And what was begun there is no harm to the next scan.
    assert_same(inventory(front.address, file), expected)


_SCAN = """
import sys
import regframe as rf
inventory = rf.Registry(sys.argv[1], cache=sys.argv[2], progress=False).inventory()
inventory.to_csv(sys.argv[3])
"""


def test_several_processes_share_a_cache(front: Front, file: Path, tmp_path: Path) -> None:
    expected = inventory(front.address, cache=False)
    folders = [tmp_path / str(number) for number in range(3)]
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _SCAN, front.address, str(file), str(folder)],
            stderr=subprocess.PIPE,
        )
        for folder in folders
    ]
    assert [process.communicate(timeout=60)[1] for process in running] == [b""] * len(running)
    for folder in folders:
        assert_same(rf.Inventory.read_csv(folder), expected)
    kept = documents(file)
    assert all(f"sha256:{hashlib.sha256(data).hexdigest()}" == digest for digest, data in kept.items())
    front.requests.clear()
    inventory(front.address, file)
    assert not [request for request in front.requests if "sha256:" in request]


def test_several_threads_share_a_cache(front: Front, file: Path) -> None:
    registry = rf.Registry(front.address, cache=file, progress=False)
    found: list[rf.Inventory] = []
    threads = [threading.Thread(target=lambda: found.append(registry.inventory())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    for one in found:
        assert_same(one, found[0])
    assert documents(file)


def test_the_cache_keeps_to_its_size_and_what_was_used_last(file: Path) -> None:
    most_bytes = 2_000_000
    bodies = [os.urandom(3000) for _ in range(2000)]
    digests = [f"sha256:{hashlib.sha256(body).hexdigest()}" for body in bodies]

    async def put(some: range) -> None:
        async with DocumentCache.opened(file, most_bytes) as cache:
            for number in some:
                cache.put(digests[number], bodies[number])

    async def held(some: range) -> list[int]:
        async with DocumentCache.opened(file, most_bytes) as cache:
            return [number for number in some if cache.get(digests[number]) == bodies[number]]

    asyncio.run(put(range(300)))
    with closing(sqlite3.connect(file)) as connection, connection:
        # Two days go by, and of these documents some are used again.
        connection.execute("UPDATE documents SET used = used - 2 * 86400")
    assert asyncio.run(held(range(100))) == list(range(100))
    for start in (300, 400):
        asyncio.run(put(range(start, start + 100)))

    assert file.stat().st_size <= most_bytes + 100_000
    assert asyncio.run(held(range(500))) == [*range(100), *asyncio.run(held(range(100, 300))), *range(300, 500)]
    assert asyncio.run(held(range(100, 150))) == []
    asyncio.run(put(range(500, 2000)))
    assert file.stat().st_size <= most_bytes + 100_000
    assert asyncio.run(held(range(1700, 2000))) == list(range(1700, 2000))


def test_a_document_in_the_cache_opens_no_door(
    plain_registry: RegistryServer, private_registry: RegistryServer, file: Path
) -> None:
    images = rf.Registry(plain_registry.address, cache=file).images("app:latest")
    stranger = rf.Registry(
        private_registry.address, username="stranger", password="wrong", ca=private_registry.ca, cache=file
    )
    for reference in ("app:latest", f"app@{images['digest'][0]}"):
        with pytest.raises(rf.CredentialsRefused):
            stranger.layers(reference)


def test_a_document_in_the_cache_is_no_proof_that_the_registry_has_it(
    plain_registry: RegistryServer, file: Path, tmp_path: Path
) -> None:
    images = rf.Registry(plain_registry.address, cache=file).images("app:latest")
    with start_registry(tmp_path / "storage") as other, pytest.raises(rf.NotFound):
        rf.Registry(other.address, cache=file).images(f"app@{images['digest'][0]}")


def test_docker_hub_is_asked_by_head_and_by_get_only_for_what_the_cache_lacks(
    plain_registry: RegistryServer,
    certificate: Certificate,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with start_front(plain_registry, tls=certificate) as front, start_proxy(front.server_port) as (proxy, asked_for):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        front.added = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}
        hub = rf.Registry("docker.io", verify=False, cache=file, progress=False)
        images = hub.images("team/multi")
        assert asked_for == {"registry-1.docker.io:443", "hub.docker.com:443"}
        manifest = "/v2/team/multi/manifests"
        tags = {f"{manifest}/1.0", f"{manifest}/1.0-oci"}
        assert all(front.requests[f"{method} {tag}"] == 1 for tag in tags for method in ("HEAD", "GET"))

        front.requests.clear()
        pd.testing.assert_frame_equal(hub.images("team/multi"), images)
        manifests = {request for request in front.requests if "/manifests/" in request}
        assert manifests == {f"HEAD {tag}" for tag in tags}

        plan = hub.plan("team/multi")
        assert plan["manifests_expected"] == 0
        assert (plan["limit"], plan["remaining"], plan["window"]) == (100, 76, 21600)

        # Where a HEAD says nothing, or is refused, GET does.
        front.added = {}
        for front.left_out, front.refused in [({"docker-content-digest"}, {}), (set(), {"^HEAD": 405})]:
            front.requests.clear()
            pd.testing.assert_frame_equal(hub.images("team/multi"), images)
            assert {request for request in front.requests if _TAGS.fullmatch(request)} == {f"GET {tag}" for tag in tags}
