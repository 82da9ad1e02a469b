"""Rules of the house that a program can check."""

import ast
import importlib.metadata
import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import headrace as hr
from headrace import _core

ROOT = pathlib.Path(__file__).parent.parent
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "python" / "headrace"

# From left to right: a file includes files of its own room and of those to the left of it.
ROOMS = [
    "bytes error philox permutation position threads turn even stopwatch marks bus_guard file_view",
    "cuda_driver shelves",
    "locked_pages",
    "kernels wire buffer window foresight forecast shuffle refill",
    "source mapping landing read_ahead lookahead schema cell",
    "record mapped_copier outline entry entry_order example parse_error exact sequence_feature"
    " sequence sequence_arrays sequence_values convert lists cells cells_store",
    "scan plan frame_reader",
    "growing_array batch_layout batch index index_build index_file extents fetcher selection",
    "outbox blocks pipeline filler assigner block_read streams file_order mixer row_parser placer"
    " gatherer gatherer_order lot picker picker_batches parse loader writer",
    "bindings",
]
ROOM_OF = {noun: number for number, room in enumerate(ROOMS) for noun in room.split()}

# Longer than they should be, each with the reason; nothing may join them without one.
LARGEST_HEADER, LARGEST_SOURCE = 135, 370
LARGER = {
    "cells.h": 165,  # what both halves of the room share
    "crc32c.h": 150,  # one template, instantiated by each body
    "avx512_crc32c.h": 155,  # the same for one of them, in intrinsics
    "varint.h": 150,  # the same
}


def noun_of(path):
    """A file's name, or that of the folder which is a room of its own."""
    folder = path.relative_to(CSRC).parts[0]
    return folder if folder in ("kernels", "bindings") else path.name.removesuffix(path.suffix)


def sources():
    return sorted(path for path in CSRC.rglob("*") if path.suffix in (".h", ".cc"))


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(CSRC)))
class TestSources:
    def test_includes_point_left(self, path):
        noun = noun_of(path)
        assert noun in ROOM_OF, f"say in ROOMS where {path.name} stands"
        for name in includes(path):
            included = noun_of(CSRC / name)
            assert ROOM_OF[included] <= ROOM_OF[noun], f"{path.name} includes {name}"

    def test_python_is_at_the_border_only(self, path):
        if noun_of(path) != "bindings":
            text = path.read_text()
            assert not re.search(r"<Python\.h>|pybind11|numpy/|\bgil\b", text)

    def test_size(self, path):
        limit = LARGEST_HEADER if path.suffix == ".h" else LARGEST_SOURCE
        assert len(path.read_text().splitlines()) <= LARGER.get(path.name, limit)

    def test_headers_are_included_once_and_begin_with_their_purpose(self, path):
        first, *rest = path.read_text().splitlines()
        if path.suffix == ".h":
            assert first.startswith("// ")
            assert "#pragma once" in rest


def test_headers_include_no_circle():
    below = {path.name: set(includes(path)) for path in sources() if path.suffix == ".h"}
    seen: dict[str, bool] = {}

    def visit(name):
        assert seen.get(name) is not False, f"{name} includes itself"
        if name not in seen:
            seen[name] = False
            for other in below.get(pathlib.Path(name).name, ()):
                visit(other)
            seen[name] = True

    for name in below:
        visit(name)


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imported(nodes):
    """The packages that these statements import."""
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
class TestModules:
    def test_size(self, path):
        assert len(path.read_text().splitlines()) <= 360

    def test_begins_with_its_purpose(self, path):
        assert ast.get_docstring(ast.parse(path.read_text()))

    def test_imports_frameworks_only_when_asked(self, path):
        module = ast.parse(path.read_text())
        assert "tensorflow" not in imported(ast.walk(module))
        assert not {"torch", "jax"} & imported(module.body)


@pytest.mark.parametrize("path", sorted((PACKAGE / "stages").glob("*.py")), ids=lambda p: p.name)
def test_a_verb_in_python_is_small(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            assert node.end_lineno - node.lineno < 60, node.name


class TestPackage:
    def test_all(self):
        assert len(set(hr.__all__)) == len(hr.__all__)
        for name in hr.__all__:
            value = getattr(hr, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert inspect.getdoc(value), name

    def test_all_is_complete(self):
        public = {
            name
            for name, value in vars(hr).items()
            if not name.startswith("_") and not inspect.ismodule(value)
        }
        assert public == set(hr.__all__) - {"__version__"}

    def test_public_methods_are_documented(self):
        for name in hr.__all__:
            value = getattr(hr, name)
            if not inspect.isclass(value):
                continue
            for method, function in vars(value).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    trivial = method in ("close", "tolist", "row_lengths")
                    assert inspect.getdoc(function) or trivial, f"{name}.{method}"

    def test_versions_agree(self):
        project = (ROOT / "pyproject.toml").read_text()
        version = re.search(r'^version = "(.+)"', project, re.MULTILINE)[1]
        assert hr.__version__ == _core.__version__ == hr.build_info()["version"] == version
        assert importlib.metadata.version("headrace") == version

    def test_build_info(self):
        info = hr.build_info()
        assert info["cpu"] in info["cpu_bodies"]
        assert info["cpu_bodies"][0] == "portable"
        assert info["page_locked_memory"] is (info["page_locked_memory_missing"] == "")
        assert re.match(r"(GCC|Clang) \d+", info["compiler"])

    def test_a_cpu_body_can_be_forced(self):
        program = "import headrace; print(headrace.build_info()['cpu'])"
        result = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"HEADRACE_CPU": "portable"},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert result.stdout == "portable\n", result.stderr

    def test_import_brings_numpy_only(self):
        program = (
            "import numpy, sys; before = set(sys.modules); import headrace; "
            "print({name.partition('.')[0] for name in set(sys.modules) - before})"
        )
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
        )
        brought = ast.literal_eval(result.stdout)
        assert "headrace" in brought
        # An editable install brings its own finder.
        brought = {name for name in brought if not name.startswith("_editable")}
        assert brought - set(sys.stdlib_module_names) <= {"headrace", "numpy"}

    def test_is_typed(self):
        assert (PACKAGE / "py.typed").is_file()


class TestStub:
    """_core.pyi against the module."""

    tree = ast.parse((PACKAGE / "_core.pyi").read_text())

    def test_functions(self):
        stub = {n.name: n for n in self.tree.body if isinstance(n, ast.FunctionDef)}
        there = {n for n in vars(_core) if not n.startswith("_") and callable(vars(_core)[n])}
        classes = {n for n in there if inspect.isclass(vars(_core)[n])}
        assert set(stub) == there - classes
        for name, node in stub.items():
            assert parameters(vars(_core)[name]) == [a.arg for a in node.args.args], name

    def test_classes(self):
        stub = {n.name: n for n in self.tree.body if isinstance(n, ast.ClassDef)}
        assert set(stub) == {n for n, v in vars(_core).items() if inspect.isclass(v)}
        for name, node in stub.items():
            cls = vars(_core)[name]
            methods = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}
            slots = {n for n in methods if n in ("__iter__", "__next__")}
            there = {n for n in vars(cls) if not n.startswith("_")}
            there |= {"__init__", "_run"} & set(vars(cls))
            assert set(methods) == there | slots, name
            assert slots <= set(vars(cls)), name
            for method, function in methods.items():
                if method in slots:
                    continue
                arguments = [a.arg for a in function.args.args]
                assert parameters(getattr(cls, method)) == arguments, f"{name}.{method}"


def parameters(function):
    """Names from the signature that pybind11 writes into a docstring."""
    signature = function.__doc__.splitlines()[0]
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    return re.findall(r"(?:^|, )(\w+)(?=:| =|,|$)", inside)


class TestReadme:
    text = (ROOT / "README.md").read_text()

    def test_its_code_runs(self, tmp_path, monkeypatch, capsys):
        (tmp_path / "data").mkdir()
        for shard in range(2):
            rng = np.random.default_rng(shard)
            with hr.TFRecordWriter(tmp_path / "data" / f"train-0000{shard}.tfrecord") as writer:
                writer.write_batch(
                    {
                        "features": rng.random((600, 10), np.float32),
                        "label": rng.integers(0, 10, 600),
                    }
                )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HEADRACE_CACHE_DIR", str(tmp_path / "cache"))
        steps = []
        names = {"step": lambda features, label: steps.append((features.shape, label.shape))}
        blocks = re.findall(r"```python\n(.*?)```", self.text, re.DOTALL)
        assert len(blocks) >= 4
        torch = importlib.util.find_spec("torch") is not None
        for block in blocks:
            if torch or "torch" not in block:
                exec(block, names)
        assert steps == [((256, 10), (256,))] * (8 if torch else 4)
        assert "The record has: 'features', 'label'." in capsys.readouterr().out

    def test_names_nothing_that_is_not_there(self):
        for name in re.findall(r"\bhr\.(\w+)", self.text):
            assert name in hr.__all__, name
        for extra in re.findall(r"'\.\[(\w+)\]'", self.text):
            assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text()

    def test_verbs_that_do_not_exist_are_not_there(self):
        for verb in ("window", "group_by_window", "scan", "reduce", "unique", "snapshot", "save"):
            assert f"`{verb}`" in self.text
            assert not hasattr(hr.Dataset, verb)
