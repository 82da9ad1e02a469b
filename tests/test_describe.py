"""describe: what is in a file, and a spec that reads it."""

import numpy as np
import pytest

import headrace as hr
from data import SPEC, write_examples, write_records
from headrace.example_walk import features


def described(tmp_path, examples, records=1000):
    path = write_records(tmp_path / "a", [hr.encode_example(example) for example in examples])
    return hr.describe(path, records)


class TestFeatures:
    def test_kinds_counts_and_sizes(self, tmp_path):
        found = described(
            tmp_path,
            [
                {"int": [1, 2], "float": 0.5, "bytes": b"abc", "sometimes": 7},
                {"int": [3], "float": 1.5, "bytes": [b"", b"x"]},
                {"int": [300, -1, 2**40], "float": 2.5, "bytes": b"12345"},
            ],
        )
        assert list(found.features) == ["bytes", "float", "int", "sometimes"]
        assert found.rows() == [
            ("bytes", "bytes", "100%", "1..2", "0..5"),
            ("float", "float", "100%", "1", ""),
            ("int", "int64", "100%", "1..3", ""),
            ("sometimes", "int64", "33%", "1", ""),
        ]
        assert (found.records, found.examples, found.complete) == (3, 3, True)

    def test_names_that_are_not_utf8(self, tmp_path):
        found = described(tmp_path, [{b"\xff": 1, "é": 2}])
        assert list(found.features) == ["é", b"\xff"]
        assert eval_spec(found) == found.spec

    def test_several_kinds(self, tmp_path):
        found = described(tmp_path, [{"a": 1}, {"a": 0.5}])
        assert found.rows() == [("a", "float and int64", "100%", "1", "")]
        assert found.spec == {}
        assert '# "a": float and int64' in found.spec_text()

    def test_of_no_kind(self, tmp_path):
        found = described(tmp_path, [{"a": None, "b": 1}])
        assert found.rows()[0] == ("a", "none", "0%", "0", "")
        assert '# "a": no kind' in found.spec_text()

    def test_only_so_many_records(self, tmp_path):
        found = described(tmp_path, [{"a": i} for i in range(10)], records=4)
        assert (found.records, found.complete) == (4, False)
        assert "the first 4 records read" in str(found)
        found = described(tmp_path, [{"a": i} for i in range(10)], records=10)
        assert (found.records, found.complete) == (10, True)
        assert "all 10 records read" in str(found)


def eval_spec(description):
    """What a user gets who pastes the text."""
    names = {"hr": hr, "np": np}
    exec(description.spec_text(), names)
    return names["spec"]


class TestSpec:
    def test_text_and_objects_are_the_same(self, tmp_path):
        (path,) = write_examples(tmp_path, [12])
        found = hr.describe(path)
        assert eval_spec(found) == found.spec
        assert found.spec == SPEC | {"vector": hr.FixedLenFeature([3], np.float32)}

    def test_reads_the_file(self, tmp_path):
        paths = write_examples(tmp_path, [5, 7])
        dataset = hr.TFRecordDataset(paths).parse_example(hr.describe(paths).spec)
        assert sum(len(batch["number"]) for batch in dataset.batch(4)) == 12

    def test_notes(self, tmp_path):
        tensor = np.zeros((20, 20, 3), np.uint8).tobytes()
        found = described(tmp_path, [{"a": 1, "tensor": tensor}, {"tensor": tensor}])
        text = found.spec_text()
        assert '"a": hr.RaggedFeature(np.int64),  # missing in 1 records' in text
        assert '"tensor": hr.FixedLenFeature([], bytes),  # 1200 bytes each: a tensor?' in text
        assert eval_spec(found) == found.spec

    def test_lists_that_are_always_empty(self, tmp_path):
        found = described(tmp_path, [{"a": np.array([], np.int64)}])
        assert found.spec == {"a": hr.RaggedFeature(np.int64)}


class TestOtherFiles:
    def test_empty(self, tmp_path):
        found = hr.describe(write_records(tmp_path / "empty", []))
        assert found.features == {}
        assert str(found).endswith("0 bytes; all 0 records read")

    def test_other_payloads(self, tmp_path):
        example = hr.encode_example({"a": 1})
        found = hr.describe(write_records(tmp_path / "a", [b"hello", example, b"\xff" * 20]))
        assert "3 records read, 2 of them no tf.train.Example" in str(found)
        assert list(found.features) == ["a"]

    def test_sequence_examples(self, tmp_path):
        sequence = hr.encode_example({"a": 1}) + b"\x12\x00"
        found = hr.describe(write_records(tmp_path / "a", [sequence]))
        assert "1 look like a SequenceExample" in str(found)
        assert list(found.features) == ["a"]

    def test_damaged(self, tmp_path):
        path = tmp_path / "text"
        path.write_text("this is no TFRecord file")
        with pytest.raises(hr.CorruptedError):
            hr.describe(path)
        with pytest.raises(FileNotFoundError):
            hr.describe(tmp_path / "missing")


class TestWalk:
    """The parts that encode_example does not write."""

    def test_unpacked_lists(self):
        # Example{Features{"a": int64 [5, 6] unpacked, "f": one float unpacked}}
        ints = b"\x0a\x01a\x12\x06\x1a\x04\x08\x05\x08\x06"
        floats = b"\x0a\x01f\x12\x07\x12\x05\x0d\x00\x00\x80\x3f"
        entries = b"".join(b"\x0a" + bytes([len(e)]) + e for e in (ints, floats))
        found = features(b"\x0a" + bytes([len(entries)]) + entries)
        assert found == {b"a": ("int64", 2, []), b"f": ("float", 1, [])}

    def test_unknown_fields_of_every_wire_type(self):
        other = b"\x18\x05" + b"\x21" + bytes(8) + b"\x2a\x01x" + b"\x35" + bytes(4)
        assert features(other + hr.encode_example({"a": 1})) == {b"a": ("int64", 1, [])}

    @pytest.mark.parametrize(
        "record",
        [
            b"\xff",
            b"\x0a\x05abc",
            b"\x0a\x02\x10\x01",
            b"\x0a\x04\x0a\x02\x18\x01",
            b"\x0b",
            b"\x02\x00",
            b"\x80" * 11,
            b"\x0a\x08\x0a\x06\x12\x04\x22\x02\x0a\x00",
        ],
    )
    def test_what_is_no_example(self, record):
        with pytest.raises(ValueError, match=r"not|wire|varint"):
            features(record)
