"""The micro-benchmarks of all rooms: builds the C++ ones, runs them, one line for each case.

    python bench/micro.py [ROOM ...]

Rooms: limits (the machine's own), kernels, record (framing), example (locating), batch (decoding),
hand_over (to Python). Needs CMake and a C++20 compiler; `limits` and `hand_over` need headrace
installed. About half a minute in all, most of it kernels, of which every body is timed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "bench"
ROOMS = ("limits", "kernels", "record", "example", "batch", "hand_over")


def build() -> None:
    configure = ["-DCMAKE_BUILD_TYPE=Release", "-DHEADRACE_EXTENSION=OFF", "-DHEADRACE_BENCH=ON"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, *configure], **quiet)
    subprocess.run(["cmake", "--build", BUILD, f"-j{os.cpu_count()}"], **quiet)


def commands(room: str) -> list[list]:
    if room == "hand_over":
        return [[sys.executable, ROOT / "bench" / "hand_over.py"]]
    if room != "limits":
        return [[BUILD / f"bench_{room}"]]
    from data import files_of

    paths = files_of("ctr", scale=0.2).paths
    return [[BUILD / "limits", str(threads), *paths] for threads in (1, os.cpu_count())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", default=ROOMS, metavar="ROOM", help=", ".join(ROOMS))
    args = parser.parse_args()
    unknown = set(args.rooms) - set(ROOMS)
    if unknown:
        parser.error(f"no such room: {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    build()
    for room in args.rooms:
        for command in commands(room):
            if room == "limits":
                print(f"cached files, GB/s, threads: {command[1]}", flush=True)
            subprocess.run(command, check=True)
        print()


if __name__ == "__main__":
    main()
