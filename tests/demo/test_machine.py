"""What a machine keeps that once pulled from the sample registry."""

from __future__ import annotations

import json
from pathlib import Path

import regframe as rf
from regframe import demo
from tests.parts import needs, run


def test_some_of_what_was_pulled_is_out_of_date(sample: demo.SampleRegistry, tmp_path: Path) -> None:
    registry = rf.Registry(sample.address, platform="linux/amd64", progress=False)
    pulled = registry.pulled(demo.machine(tmp_path / "machine", sample.address))
    assert set(pulled["state"]) == {"current", "out of date", "gone"}
    states = dict(zip(pulled["repository"] + ":" + pulled["tag"], pulled["state"], strict=True))
    assert states["httpd:2-alpine"] == "current"
    assert states["team/api:latest"] == "out of date"


def test_it_is_a_layout_that_skopeo_reads(tmp_path: Path) -> None:
    target = demo.machine(tmp_path / "machine", "localhost:5000")
    assert target == f"oci:{tmp_path / 'machine'}"
    inspected = json.loads(run(needs("skopeo"), "inspect", f"{target}:localhost:5000/httpd:2-alpine"))
    [image] = rf.Registry(target, progress=False).images("*/httpd:2-alpine").to_dict("records")
    assert (inspected["Digest"], inspected["Architecture"]) == (image["digest"], image["architecture"])
