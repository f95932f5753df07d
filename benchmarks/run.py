"""The whole table: every benchmark of regframe that measures its speed, one after the other.

    python benchmarks/run.py            # small: some minutes
    python benchmarks/run.py --full     # all of Docker's official images, each benchmark at its full size

Each is a program of its own, which says more: ``scan.py`` (the rate of the registry, skopeo, bare aiohttp, a slow link,
the second scan), ``history.py`` (how time, memory and requests grow), ``analysis.py`` (the answers), ``archives.py``
(how much of an archive is read), ``soak.py`` (a server that fails) and ``explorer.py`` (the widgets, in a browser). It
ends with status 1 if one of them does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parent
# What each takes when it is small, and when it is not.
_PROGRAMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "scan.py": ((), ("--tags", "20000", "--runs", "5")),
    "history.py": ((), ("--full",)),
    "analysis.py": (("--tags", "20000"), ()),
    "archives.py": ((), ()),
    "soak.py": ((), ("--tags", "20000")),
    "explorer.py": ((), ()),
}
_WITHOUT_TABLE = frozenset({"archives.py", "soak.py"})


def main() -> int:
    """Run each benchmark, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="each at its full size, which takes some hours")
    parser.add_argument("--table", type=Path, help="the table of the official images")
    parser.add_argument("--list", action="store_true", help="say which there are, and run none")
    options = parser.parse_args()
    if options.list:
        print(*_PROGRAMS, sep="\n")
        return 0
    failed = []
    for program, (small, full) in _PROGRAMS.items():
        arguments = [*(full if options.full else small)]
        if options.table and program not in _WITHOUT_TABLE:
            arguments += ["--table", str(options.table)]
        print(f"## {program}", flush=True)
        if subprocess.run([sys.executable, str(_FOLDER / program), *arguments], check=False).returncode:
            failed.append(program)
        print(flush=True)
    if failed:
        print(f"Something is wrong in {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
