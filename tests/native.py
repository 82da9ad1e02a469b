"""Libraries in C that tests build, and Python programs that run with them."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent


def compile_library(source: str, library: pathlib.Path, *flags: str) -> pathlib.Path:
    """Once. Skips the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip(f"needs a C compiler for {source}")
    if not library.exists():
        command = [compiler, "-shared", "-fPIC", "-O1", "-pthread", *flags, TESTS / source]
        subprocess.run([*command, "-o", library, "-ldl"], check=True)
    return library


def run(program: str, *arguments: object, **environment: str) -> str:
    """What a program prints that may import the tests' modules. Warnings are errors, as in the
    tests."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout
