"""``regframe demo``: the inventory of the sample registry, and the registry left running."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import regframe as rf
from regframe import demo
from tests.cli.conftest import COMMAND, Call
from tests.parts import needs, run

LONGEST_SECONDS = 120


def test_the_inventory_of_the_sample_registry(call: Call, tmp_path: Path) -> None:
    ended = call("demo", "--output", str(tmp_path))
    assert (ended.status, ended.said) == (0, "")
    assert demo.SAMPLE_NOTE in ended.output
    content = demo.sample_content()
    inventory = rf.Inventory.read_csv(tmp_path)
    assert len(inventory.tags) == sum(map(len, content.repositories.values()))
    assert inventory.errors.empty
    for name in ("layer-sizes.png", "timeline.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        assert name in ended.output
    images = inventory.images[inventory.images["kind"] == "image"]
    for repository, tags in content.repositories.items():
        own = images[images["repository"] == repository]
        [row] = re.findall(rf"^{repository} +([\d,]+) +([\d,]+) +(\d+) .*$", ended.output, re.MULTILINE)
        assert [int(number.replace(",", "")) for number in row] == [
            len(tags),
            own["digest"].nunique(),
            own["platform"].nunique(),
        ]
    # A date that is only “seen” is today's, and no release.
    dated = images.loc[images["released_source"] != "seen", "released_at"]
    oldest, newest = dated.min(), dated.max()
    total = rf"^{len(content.repositories)} repositories .* {oldest:%Y-%m-%d}  {newest:%Y-%m-%d}"
    assert re.search(total, ended.output, re.MULTILINE)


@pytest.mark.parametrize("flags", [[], ["--tls", "--auth"]])
def test_what_the_registry_says_to_type_works(flags: list[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--serve", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            lines = []
            while "Ctrl-C" not in (line := process.stdout.readline()):
                assert line, "it ended"
                lines.append(line.strip())
            exports = "\n".join(line for line in lines if line.startswith("export "))
            assert bool(exports) == ("--auth" in flags)

            def typed(command: str) -> str:
                return run("sh", "-c", f"{exports}\n{command}", timeout=LONGEST_SECONDS)

            ours = [line for line in lines if line.startswith("regframe ")]
            assert len(ours) == 3
            for line in ours[:: len(ours) - 1]:
                assert typed(line.replace("regframe", f"{sys.executable} -m regframe", 1)).count("\n") > 5
            [python] = [line for line in lines if line.startswith("registry = ")]
            registry = eval(python.removeprefix("registry = "), {"regframe": rf})
            assert registry.ping()["auth"] == ("basic" if "--auth" in flags else "none")
            needs("skopeo")
            [line] = [line for line in lines if line.startswith("skopeo ")]
            assert json.loads(typed(line))["Name"] == f"{registry.name}/httpd"
            needs("curl")
            [line] = [line for line in lines if line.startswith("curl ")]
            assert "httpd" in json.loads(typed(f"{line} --silent --show-error"))["repositories"]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(LONGEST_SECONDS)
    assert process.returncode == 130
    for line in lines:
        if line.startswith("CA "):
            assert not Path(line.split()[1]).parent.exists()


def test_a_port_that_is_taken(call: Call, sample: demo.SampleRegistry) -> None:
    ended = call("demo", "--serve", "--port", sample.address.partition(":")[2])
    assert (ended.status, ended.output) == (1, "")
    assert ended.said.startswith("regframe: Port ")


def test_a_command_runs_beside_the_registry_and_finds_it() -> None:
    program = "import regframe as rf; from regframe import demo; print(rf.Registry(**demo.running()).ping().to_dict())"
    ended = subprocess.run(
        [*COMMAND, "demo", "--serve", "--tls", "--auth", "--", sys.executable, "-c", f"{program}; raise SystemExit(7)"],
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (7, "")
    address = re.search(r"at https://(localhost:\d+)", ended.stdout)
    assert address
    assert f"'registry': '{address[1]}'" in ended.stdout
    assert "'auth': 'basic'" in ended.stdout


def test_a_command_that_cannot_run(call: Call) -> None:
    ended = call("demo", "--serve", "--", "no-such-program")
    assert (ended.status, ended.said.splitlines()[0]) == (
        1,
        "regframe: no-such-program cannot be run: No such file or directory.",
    )
    ended = call("demo", "--", "no-such-program")
    assert (ended.status, "add --serve" in ended.said) == (1, True)
