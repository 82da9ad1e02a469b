"""``python -m headrace``."""

import os
import subprocess
import sys

import pytest

import headrace as hr
from data import write_examples
from headrace.__main__ import main
from headrace.cli import demo, show


@pytest.fixture(params=["with rich", "without rich"])
def rich_or_not(request, monkeypatch):
    if request.param == "without rich":
        for name in ("rich", "rich.console", "rich.table", "rich.progress"):
            monkeypatch.setitem(sys.modules, name, None)
    else:
        pytest.importorskip("rich")
    return request.param


class TestDemo:
    def test_checks_and_shows(self, capsys, rich_or_not):
        assert main(["demo", "--records", "1000", "--shards", "3", "--batch", "64"]) == 0
        out = capsys.readouterr().out
        assert "All values of 1,000 records are right." in out
        for text in ("records/s", "MB/s", "threads", "CPU body", hr.build_info()["cpu"], "1,000"):
            assert text in out
        for column in demo.SPEC:
            assert column in out
        assert "RaggedArray" in out
        assert ("━" in out) == (rich_or_not == "with rich")

    def test_odd_sizes(self, capsys):
        assert main(["demo", "--records", "7", "--shards", "5", "--batch", "100"]) == 0
        assert main(["demo", "--records", "1", "--shards", "3", "--threads", "1"]) == 0
        assert "All values of 1 records are right." in capsys.readouterr().out

    def test_a_wrong_value_is_found(self, capsys, monkeypatch):
        written = demo._columns

        def shifted(ids):
            columns = written(ids)
            return {**columns, "label": columns["label"] + 1}

        monkeypatch.setattr(demo, "_wrong_values", wrong_with(shifted))
        assert main(["demo", "--records", "300"]) == 1
        assert "FAILED: 2 values are wrong" in capsys.readouterr().out

    def test_leaves_nothing_behind(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert main(["demo", "--records", "10"]) == 0
        assert os.listdir(tmp_path) == []

    def test_refuses_nothing(self, capsys):
        assert main(["demo", "--records", "0"]) == 2
        assert main(["demo", "--batch", "0"]) == 2
        errors = capsys.readouterr().err.splitlines()
        assert errors == [
            "headrace: the demo needs at least one record and one shard",
            "headrace: Batch size must be greater than zero.",
        ]


def wrong_with(columns):
    """demo._wrong_values, expecting other values than were written."""
    original = demo._wrong_values
    code = original.__globals__ | {"_columns": columns}
    return type(original)(original.__code__, code, original.__name__)


class TestDescribe:
    def test_prints_a_table_and_a_spec(self, tmp_path, capsys):
        paths = write_examples(tmp_path, [3, 4])
        assert main(["describe", *paths]) == 0
        out = capsys.readouterr().out
        assert "2 files" in out
        assert "all 7 records read" in out
        assert '"vector": hr.FixedLenFeature([3], np.float32),' in out

    def test_what_is_none(self, tmp_path, capsys):
        path = tmp_path / "text"
        path.write_text("this is no TFRecord file")
        assert main(["describe", str(path)]) == 1
        assert main(["describe", str(tmp_path / "missing")]) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert "it looks like text" in first
        assert "No such file or directory" in second


class TestProgram:
    def test_as_a_module(self):
        result = subprocess.run(
            [sys.executable, "-m", "headrace", "--help"], capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0
        assert "demo" in result.stdout
        assert "describe" in result.stdout

    def test_version(self, capsys):
        with pytest.raises(SystemExit) as caught:
            main(["--version"])
        assert caught.value.code == 0
        assert capsys.readouterr().out == f"headrace {hr.__version__}\n"

    def test_without_a_command(self, capsys):
        with pytest.raises(SystemExit) as caught:
            main([])
        assert caught.value.code == 2
        assert "COMMAND" in capsys.readouterr().err

    def test_progress_passes_every_element_on(self, rich_or_not, capsys):
        assert list(show.progress(range(5), 5, "Counting")) == list(range(5))
        assert "Counting" in capsys.readouterr().out

    def test_an_interrupt_is_no_traceback(self, monkeypatch):
        def interrupted(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(demo, "run", interrupted)
        assert main(["demo"]) == 130
