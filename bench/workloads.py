"""The shapes of records that are measured. Imports nothing of headrace: rivals read it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """A wanted feature: (B, *shape) numbers or bytes, or lists where shape is None: ragged or, if
    it is padded, (B, longest). In rows: a FeatureList of a SequenceExample, (B, longest, *shape) or
    lists of lists; others are of its context."""

    name: str
    dtype: str  # "float32", "int64", "bytes"; "uint8": a tensor stored as one bytes value
    shape: tuple[int, ...] | None = ()
    default: int | None = None  # for records that lack the feature
    padded: bool = False
    in_rows: bool = False


@dataclass(frozen=True)
class Workload:
    name: str
    about: str
    batch_size: int
    features: tuple[Feature, ...]
    records: int  # in all files together, at scale 1

    @property
    def of_sequences(self) -> bool:
        return any(feature.in_rows for feature in self.features)


def _floats(*names: str, default: int | None = None) -> tuple[Feature, ...]:
    return tuple(Feature(name, "float32", default=default) for name in names)


def _ints(*names: str, default: int | None = None) -> tuple[Feature, ...]:
    return tuple(Feature(name, "int64", default=default) for name in names)


def _ragged(*names: str) -> tuple[Feature, ...]:
    return tuple(Feature(name, "int64", None) for name in names)


LABEL = Feature("label", "int64")
CTR_FLOATS = [f"I{i}" for i in range(13)]
CTR_INTS = [f"C{i}" for i in range(26)]
WIDE_INTS = [f"user_profile/long_term/interaction_number_{i:03}" for i in range(90)]
WIDE_FLOATS = [f"item_profile/short_term/normalised_weight_{i:03}" for i in range(45)]
ID_LISTS = [f"ids_{i}" for i in range(20)]
TEXTS = [f"category_{i}" for i in range(20)]
VISITS = [f"visits_{i}" for i in range(8)]
SHORT_LISTS = [f"list_{i}" for i in range(40)]
_CTR = (*_floats(*CTR_FLOATS), *_ints(*CTR_INTS), LABEL)

WORKLOADS = {
    workload.name: workload
    for workload in [
        Workload(
            "seed",
            "float32[10] + int64",
            1024,
            (Feature("features", "float32", (10,)), LABEL),
            6_000_000,
        ),
        Workload(
            "dense",
            "float32[1024] + int64",
            1024,
            (Feature("x", "float32", (1024,)), LABEL),
            200_000,
        ),
        Workload("ctr", "13 float32 + 27 int64 scalars", 1024, _CTR, 800_000),
        Workload(
            "tokens",
            "int64[128..1024], 1- to 3-byte varints",
            1024,
            (Feature("tokens", "int64", None), Feature("doc_id", "int64")),
            400_000,
        ),
        Workload(
            "raw",
            "uint8[224,224,3] in a bytes feature + int64",
            128,
            (Feature("image", "uint8", (224, 224, 3)), LABEL),
            5_600,
        ),
        Workload(
            "imagenet",
            "~100 kB bytes + 11 small features, 2 wanted",
            128,
            (Feature("image/encoded", "bytes"), Feature("image/class/label", "int64")),
            8_000,
        ),
        Workload("ctr_shuffled", "ctr, another feature order in every record", 1024, _CTR, 400_000),
        Workload(
            "ctr_missing",
            "ctr, a sixth of the features missing",
            1024,
            (*_floats(*CTR_FLOATS, default=0), *_ints(*CTR_INTS, default=0), LABEL),
            500_000,
        ),
        Workload("ctr_unpacked", "ctr, every list unpacked", 1024, _CTR, 400_000),
        Workload(
            "wide",
            "90 int64 + 45 float32 scalars with names of 45 characters",
            1024,
            (*_ints(*WIDE_INTS), *_floats(*WIDE_FLOATS)),
            60_000,
        ),
        Workload(
            "varint10",
            "int64[64], 9- and 10-byte varints",
            1024,
            (Feature("hashes", "int64", (64,)), LABEL),
            500_000,
        ),
        Workload(
            "id_lists",
            "20 lists of 0 to 20 ids, a sixth of the lists missing",
            1024,
            (*_ragged(*ID_LISTS), LABEL),
            400_000,
        ),
        Workload(
            "short_lists", "40 lists of 0 to 3 ids", 1024, (*_ragged(*SHORT_LISTS), LABEL), 400_000
        ),
        Workload(
            "padded_lists",
            "id_lists, padded to the longest of their batch",
            1024,
            (*(Feature(name, "int64", None, padded=True) for name in ID_LISTS), LABEL),
            400_000,
        ),
        Workload(
            "tokens_padded",
            "tokens, padded to the longest of their batch",
            1024,
            (Feature("tokens", "int64", None, padded=True), Feature("doc_id", "int64")),
            100_000,
        ),
        Workload(
            "tokens_unpacked",
            "tokens, lists unpacked",
            1024,
            (Feature("tokens", "int64", None), Feature("doc_id", "int64")),
            100_000,
        ),
        Workload(
            "text",
            "20 strings of 3 to 12 bytes",
            1024,
            (*(Feature(name, "bytes") for name in TEXTS), LABEL),
            400_000,
        ),
        Workload(
            "words",
            "lists of 20 to 200 strings of 2 to 10 bytes",
            1024,
            (Feature("words", "bytes", None), LABEL),
            100_000,
        ),
        Workload(
            "frames",
            "SequenceExamples: 10 to 59 rows of float32[10] and an id",
            256,
            (
                Feature("x", "float32", (10,), in_rows=True),
                Feature("id", "int64", in_rows=True),
                LABEL,
            ),
            20_000,
        ),
        Workload(
            "visits",
            "SequenceExamples: 8 lists of 0 to 20 rows of 0 to 5 ids",
            256,
            (*(Feature(name, "int64", None, in_rows=True) for name in VISITS), LABEL),
            20_000,
        ),
        Workload(
            "clips",
            "SequenceExamples: 8 to 16 rows of ~10 kB of bytes",
            32,
            (Feature("image", "bytes", in_rows=True), LABEL),
            2_000,
        ),
    ]
}
