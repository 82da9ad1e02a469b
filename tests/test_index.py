"""Index: where records are, from memory, from files and from the cache."""

import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import warnings

import pytest

import headrace as hr
import headrace.index as index_module
import oracle
from headrace.index import index_for

POLICIES = ("raise", "skip", "stop_file", "tf")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("HEADRACE_CACHE_DIR", str(folder))
    monkeypatch.setattr(index_module, "_warned", False)
    return folder


def write(path, records):
    oracle.write_file(path, records)
    return str(path)


def random_records(seed, count, largest=60):
    rng = random.Random(seed)
    return [rng.randbytes(rng.randrange(largest)) for _ in range(count)]


def three_files(folder):
    return [write(folder / f"{i}.tfrecord", random_records(i, 100 + i)) for i in range(3)]


def read(place):
    path, offset, size = place
    with open(path, "rb") as file:
        file.seek(offset)
        frame = file.read(size + 16)
    (record,) = oracle.records_of(frame)
    return record


def found(index):
    return [read(place) for place in index]


def entries(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


class TestPlaces:
    @pytest.mark.parametrize("threads", [None, 1, 3])
    def test_every_record(self, tmp_path, threads):
        paths = three_files(tmp_path)
        index = hr.Index.build(paths, threads=threads)
        assert found(index) == [record for path in paths for record in oracle.read_file(path)]
        assert len(index) == index.count() == 303
        assert [index.count(file) for file in range(3)] == [100, 101, 102]
        assert index.files == tuple(paths)
        assert index[0] == (paths[0], 0, len(oracle.read_file(paths[0])[0]))
        assert index[-1] == index[302]
        assert index[-303] == index[0]

    def test_no_such_record_or_file(self, tmp_path):
        index = hr.Index.build(three_files(tmp_path))
        for number in (303, -304, 2**70):
            with pytest.raises(IndexError, match=f"^record {number} of 303$"):
                index[number]
        with pytest.raises(IndexError, match=r"^there is no such file$"):
            index.count(3)
        with pytest.raises(TypeError):
            index["a"]

    def test_nothing(self, tmp_path):
        assert list(hr.Index.build([])) == []
        empty = write(tmp_path / "empty", [])
        assert list(hr.Index.build([empty, empty])) == []
        index = hr.Index.build([empty, write(tmp_path / "a", [b"x", b""]), empty])
        assert found(index) == [b"x", b""]

    def test_what_it_says_of_itself(self, tmp_path):
        paths = three_files(tmp_path)
        index = hr.Index.build(paths, on_corruption="tf")
        assert repr(index) == "<Index of 303 records in 3 files, on_corruption='tf'>"
        assert index.on_corruption == "tf"
        with pytest.raises(TypeError, match=r"made by Index\.build and Index\.open"):
            hr.Index()

    def test_thousands_of_files_and_few_descriptors(self, tmp_path):
        paths = [write(tmp_path / f"{i:05}", [b"%d" % i] * (i % 3)) for i in range(3000)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, hard), hard))
        try:
            index = hr.Index.build(paths)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert found(index) == [b"%d" % i for i in range(3000) for _ in range(i % 3)]

    def test_far_records_are_not_read(self, tmp_path):
        paths, size = holes(tmp_path / "holes", 200)
        index = hr.Index.build(paths)
        assert [place[1:] for place in index] == [(i * (size + 16), size) for i in range(200)]

    def test_paths_of_any_kind(self, tmp_path, monkeypatch):
        write(tmp_path / "a", [b"x"])
        odd = os.fsdecode(b"\xff.tfrecord")
        try:
            write(tmp_path / odd, [b"y"])
        except OSError:
            pytest.skip("this file system has only names in UTF-8")
        monkeypatch.chdir(tmp_path)
        index = hr.Index.build(["a", [pathlib.Path(odd)]], pathlib.Path(odd + ".index"))
        assert found(index) == [b"x", b"y"]
        assert index.files == (str(tmp_path / "a"), str(tmp_path / odd))
        assert found(hr.Index.open(odd + ".index")) == [b"x", b"y"]


def holes(path, count):
    """A file of large records whose data nobody has written, as a list of files; the size of one
    record's data."""
    size = 1 << 20
    with open(path, "wb") as file:
        header = struct.pack("<Q", size)
        header += struct.pack("<I", oracle.masked_crc(header))
        for i in range(count):
            file.seek(i * (size + 16))
            file.write(header)
        file.truncate(count * (size + 16))
    return [str(path)], size


class TestArguments:
    def test_policy(self, tmp_path):
        with pytest.raises(ValueError, match=r"on_corruption must be 'raise', 'skip', .* got 'no'"):
            hr.Index.build(three_files(tmp_path), on_corruption="no")

    @pytest.mark.parametrize("threads", [0, -1])
    def test_threads(self, tmp_path, threads):
        with pytest.raises(ValueError, match=f"^threads must be at least 1; got {threads}$"):
            hr.Index.build(three_files(tmp_path), threads=threads)

    def test_files(self, tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            hr.Index.build([str(tmp_path / "missing")])
        assert caught.value.filename == str(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            hr.Index.build(str(tmp_path))
        with pytest.raises(TypeError):
            hr.Index.build(7)


def damage(path, rng):
    """Bytes changed, cut out or cut off, now and then at several places."""
    data = bytearray(pathlib.Path(path).read_bytes())
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randrange(1, 40)]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 40))
        elif at > 0:
            del data[at:]
    pathlib.Path(path).write_bytes(data)


class TestDamage:
    @pytest.mark.parametrize("seed", range(40))
    def test_what_counts_is_what_a_dataset_reads(self, tmp_path, seed):
        rng = random.Random(seed)
        paths = three_files(tmp_path)
        damage(paths[rng.randrange(3)], rng)
        for policy in ("skip", "stop_file"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the damage is known
                expected = list(hr.TFRecordDataset(paths, on_corruption=policy))
            assert found(hr.Index.build(paths, on_corruption=policy)) == expected

    @pytest.mark.parametrize("policy", ["raise", "tf"])
    @pytest.mark.parametrize("at", [0, 3, 8])  # length, length, its checksum
    def test_of_a_header(self, tmp_path, policy, at):
        paths = three_files(tmp_path)
        offset = hr.Index.build(paths[1])[70][1]
        data = bytearray(pathlib.Path(paths[1]).read_bytes())
        data[offset + at] ^= 1
        pathlib.Path(paths[1]).write_bytes(data)
        with pytest.raises(hr.CorruptedError) as delivered:
            list(hr.TFRecordDataset(paths))
        with pytest.raises(hr.CorruptedError) as built:
            hr.Index.build(paths, on_corruption=policy)
        assert (built.value.path, built.value.record, built.value.offset) == (paths[1], 70, offset)
        assert str(built.value) == str(delivered.value)

    @pytest.mark.parametrize("policy", ["raise", "tf"])
    def test_of_data_is_left_to_who_reads_it(self, tmp_path, policy):
        data = bytearray(oracle.frame(b"abc") * 3)
        data[16 + 3 + 13] ^= 1
        (tmp_path / "a").write_bytes(data)
        assert len(hr.Index.build(tmp_path / "a", on_corruption=policy)) == 3

    def test_torn_header(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(oracle.frame(b"abc") + b"torn")
        assert found(hr.Index.build(path, on_corruption="tf")) == [b"abc"]
        with pytest.raises(hr.TruncatedError, match="found the end of the file after 4"):
            hr.Index.build(path)

    @pytest.mark.parametrize("policy", ["raise", "tf"])
    def test_torn_record(self, tmp_path, policy):
        path = tmp_path / "a"
        path.write_bytes(oracle.frame(b"abc") + oracle.frame(b"abc")[:-1])
        with pytest.raises(hr.TruncatedError) as caught:
            hr.Index.build(path, on_corruption=policy)
        assert (caught.value.record, caught.value.offset) == (1, 19)

    def test_no_tfrecord_file(self, tmp_path):
        (tmp_path / "a").write_text("offset,size\n" * 10)
        with pytest.raises(hr.CorruptedError, match="no TFRecord file: it looks like text"):
            hr.Index.build(tmp_path / "a")


class TestFile:
    def test_build_and_open(self, tmp_path, cache):
        paths = three_files(tmp_path)
        built = hr.Index.build(paths, tmp_path / "my.index")
        opened = hr.Index.open(tmp_path / "my.index")
        assert list(opened) == list(built)
        assert opened.files == built.files == tuple(paths)
        assert entries(cache) == []

    def test_building_replaces_what_is_there(self, tmp_path):
        paths = three_files(tmp_path)
        (tmp_path / "my.index").write_bytes(b"something else")
        hr.Index.build(paths, tmp_path / "my.index")
        assert len(hr.Index.open(tmp_path / "my.index")) == 303

    def test_cannot_be_written(self, tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            hr.Index.build(three_files(tmp_path), tmp_path / "no" / "folder")
        assert caught.value.filename == str(tmp_path / "no" / "folder")

    def test_is_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            hr.Index.open(tmp_path / "my.index")

    def test_is_none(self, tmp_path):
        (tmp_path / "my.index").write_text("0 20\n20 30\n")
        with pytest.raises(
            hr.CorruptedError, match="expected an index of headrace, found"
        ) as caught:
            hr.Index.open(tmp_path / "my.index")
        assert caught.value.path == str(tmp_path / "my.index")

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda data: data[:-1], r"expected an index of \d+ bytes, found \d+"),
            (lambda data: b"", "expected an index, found 0 bytes"),
            (lambda data: data[:100] + b"?" + data[101:], "matches its checksum"),
            (lambda data: data + b"?", "matches its checksum"),
            (lambda data: data[:8] + b"\2" + data[9:], "of version 1, found version 2"),
        ],
    )
    def test_is_damaged(self, tmp_path, change, text):
        path = tmp_path / "my.index"
        hr.Index.build(three_files(tmp_path), path)
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(hr.DataLossError, match=text):
            hr.Index.open(path)

    def test_is_stale(self, tmp_path):
        paths, path = three_files(tmp_path), tmp_path / "my.index"
        hr.Index.build(paths, path)
        os.utime(paths[1], ns=(5, 5))
        with pytest.raises(ValueError, match=f"{paths[1]} has been modified since.*hr.Index.build"):
            hr.Index.open(path)
        write(paths[1], [b"x"])
        with pytest.raises(ValueError, match=rf"{paths[1]} had \d+ bytes and has now 17\. "):
            hr.Index.open(path)
        os.remove(paths[1])
        with pytest.raises(FileNotFoundError):
            hr.Index.open(path)

    def test_of_files_that_have_moved(self, tmp_path):
        paths, index = three_files(tmp_path), tmp_path / "my.index"
        built = hr.Index.build(paths, index)
        (tmp_path / "there").mkdir()
        moved = [str(tmp_path / "there" / os.path.basename(path)) for path in paths]
        for old, new in zip(paths, moved, strict=True):
            os.rename(old, new)
        with pytest.raises(FileNotFoundError):
            hr.Index.open(index)
        opened = hr.Index.open(index, str(tmp_path / "there" / "*"))
        assert found(opened) == found(hr.Index.build(moved))
        assert opened.files == tuple(moved)
        assert len(opened) == len(built)

    def test_of_other_files(self, tmp_path):
        paths, path = three_files(tmp_path), tmp_path / "my.index"
        hr.Index.build(paths, path)
        with pytest.raises(ValueError, match="it is of 3 files, not of 2"):
            hr.Index.open(path, paths[:2])
        with pytest.raises(ValueError, match=rf"0\.tfrecord is now {paths[1]}"):
            hr.Index.open(path, [paths[1], paths[0], paths[2]])
        write(paths[2], [b"x"])
        with pytest.raises(ValueError, match=rf"{paths[2]} had \d+ bytes and has now 17"):
            hr.Index.open(path, paths)


class TestCache:
    def test_is_used(self, tmp_path, cache, monkeypatch):
        paths = tuple(three_files(tmp_path))
        assert index_for(paths).count() == 303
        assert len(entries(cache)) == 1
        monkeypatch.setattr(index_module, "_build", None)
        assert index_for(paths).count() == 303

    def test_is_filled_by_build(self, tmp_path, cache, monkeypatch):
        paths = three_files(tmp_path)
        hr.Index.build(paths)
        monkeypatch.setattr(index_module, "_build", None)
        assert index_for(tuple(paths)).count() == 303

    def test_relative_paths_are_the_same_files(self, tmp_path, cache, monkeypatch):
        index_for(tuple(three_files(tmp_path)))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(index_module, "_build", None)
        assert index_for(("0.tfrecord", "./1.tfrecord", "2.tfrecord")).count() == 303

    @pytest.mark.parametrize("change", ["size", "mtime"])
    def test_stale_is_replaced(self, tmp_path, cache, change):
        paths = tuple(three_files(tmp_path))
        index_for(paths)
        if change == "size":
            write(paths[0], [b"new"])
        else:  # the same size, other records
            size = os.path.getsize(paths[0])
            write(paths[0], [bytes(size - 16)])
            os.utime(paths[0], ns=(7, 7))
        assert index_for(paths).count() == 204
        assert len(entries(cache)) == 1
        (kept,) = cache.iterdir()
        assert len(hr.Index.open(kept)) == 204

    def test_damaged_is_replaced(self, tmp_path, cache):
        paths = tuple(three_files(tmp_path))
        index_for(paths)
        (kept,) = cache.iterdir()
        good = kept.read_bytes()
        damaged = [b"", b"hr index", b"no index", good[:-1], good + b"?"]
        damaged += [good[:at] + b"?" + good[at + 1 :] for at in range(0, len(good), 40)]
        for content in damaged:
            kept.write_bytes(content)
            assert index_for(paths).count() == 303
            assert kept.read_bytes() == good

    def test_one_for_each_list_and_policy(self, tmp_path, cache):
        paths = tuple(three_files(tmp_path))
        index_for(paths)
        index_for(paths[:2])
        index_for(paths[::-1])
        index_for(paths, "tf")
        with pytest.warns(UserWarning, match="on_corruption='skip': reading all .* bytes once"):
            index_for(paths, "skip")
        index_for(paths, "skip")  # silent
        assert len(entries(cache)) == 5

    def test_cannot_be_written(self, tmp_path, cache):
        cache.write_bytes(b"a file where the folder should be")
        paths = tuple(three_files(tmp_path))
        with pytest.warns(UserWarning, match="HEADRACE_CACHE_DIR"):
            assert index_for(paths).count() == 303
        assert index_for(paths).count() == 303  # one warning is enough
        assert cache.read_bytes() == b"a file where the folder should be"

    def test_errors_are_those_of_reading(self, tmp_path, cache):
        paths = tuple(three_files(tmp_path))
        index_for(paths)
        os.remove(paths[1])
        with pytest.raises(FileNotFoundError) as caught:
            index_for(paths)
        assert caught.value.filename == paths[1]
        pathlib.Path(paths[1]).write_bytes(b"no record at all")
        with pytest.raises(hr.CorruptedError):
            index_for(paths)

    def test_where_it_is(self, monkeypatch):
        folder = index_module._cache_folder
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("HEADRACE_CACHE_DIR", "/mine")
        monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
        assert folder() == "/mine"
        monkeypatch.delenv("HEADRACE_CACHE_DIR")
        assert folder() == "/xdg/headrace"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert folder() == "/home/me/.cache/headrace"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert folder() == "/home/me/.cache/headrace"
        monkeypatch.setattr(sys, "platform", "darwin")
        assert folder() == "/home/me/Library/Caches/headrace"


def test_many_processes_race_for_one_index(tmp_path, cache):
    paths = [write(tmp_path / f"{i}", random_records(i, 3000)) for i in range(4)]
    program = (
        "import sys; from headrace.index import index_for\n"
        "sys.stdin.readline()\n"
        "for _ in range(5): print(index_for(tuple(sys.argv[1:])).count())"
    )
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", program, *paths],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for rank in ranks:
        rank.stdin.write("go\n")
        rank.stdin.flush()
    for rank in ranks:
        out, err = rank.communicate(timeout=120)
        assert out.split() == ["12000"] * 5, err
    (kept,) = cache.iterdir()  # nothing half written is left
    assert found(hr.Index.open(kept)) == [r for path in paths for r in oracle.read_file(path)]


def test_a_signal_ends_building(tmp_path):
    class Interrupted(Exception):
        pass

    def handler(number, frame):
        raise Interrupted

    paths, _ = holes(tmp_path / "holes", 20000)
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Interrupted):
            hr.Index.build(paths * 2000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(hr.Index.build(paths)) == 20000
