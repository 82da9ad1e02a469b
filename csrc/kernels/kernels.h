// Kernels: one contract, one body per kind of CPU, chosen once per process by feature bits.
//
// Every body gives the same results for the same bytes; tests run the same suite over all bodies
// that this machine can execute. HEADRACE_CPU=<name> forces one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bytes.h"

namespace headrace {

inline constexpr uint64_t kNoList = uint64_t{1} << 63;
inline constexpr size_t kMostPassedOver = 16;

// How an entry of a map of features begins where each of its lengths takes one byte. The bytes of
// its values are behind that.
struct EntryForm {
  static constexpr size_t kMostHead = 64;
  static constexpr uint32_t kNoColumn = UINT32_MAX;

  alignas(64) uint8_t bytes[kMostHead] = {};  // if its values had no bytes
  uint8_t lengths[kMostHead] = {};            // 1 where values of n bytes make this byte n larger
  uint8_t relied[2][kMostHead] = {};          // ff where the byte counts; [1]: in an empty list
  uint64_t lengths_bits = 0, relied_bits[2] = {};  // the same, a bit a byte
  uint32_t column = kNoColumn;                     // which cell is its
  uint8_t head = 0;                                // bytes before the values
  uint8_t most = 0;                                // bytes of values with which no length takes two
  bool may_be_empty = false;  // the last two bytes of the head, tag and length, may be missing
};

struct Kernels {
  const char* name;  // "portable", "sse42", "avx2", "avx512", "arm64"

  // CRC-32C (Castagnoli) of `n` bytes, continuing from `crc` (0 to start).
  uint32_t (*crc32c)(uint32_t crc, const uint8_t* p, size_t n);

  // Framed records: record i has its length (8 bytes) and the masked CRC of the length (4 bytes)
  // before `data`, and the masked CRC of its data (4 bytes) behind it. Index of the first record
  // whose check fails; `n` if all are good.
  size_t (*verify_lengths)(const ByteView* records, size_t n);
  size_t (*verify_payloads)(const ByteView* records, size_t n);

  // Number of varint terminators (bytes below 0x80) in p[0, n).
  size_t (*count_varints)(const uint8_t* p, size_t n);

  // Decodes p[0, n) as base-128 varints into out, bits above 64 dropped. p[n - 1] must be a
  // terminator (n > 0) and kSlop bytes behind p[n - 1] must be readable; out has room for
  // count_varints(p, n) values and not one more. False if a varint is longer than 10 bytes: the
  // contents of out are then unspecified.
  bool (*decode_varints)(const uint8_t* p, size_t n, int64_t* out);

  // Decodes an unpacked list of field 1: pairs of the tag 08 and a varint of at most 10 bytes.
  // False if p[0, n) is anything else: the contents of out are then unspecified. kSlop bytes behind
  // it must be readable; out has room for half of count_varints(p, n) values and not one more.
  bool (*decode_unpacked)(const uint8_t* p, size_t n, int64_t* out);

  // Scalars. Cell i comes in as (size << 32 | offset) of a packed list inside records[i] and goes
  // out as the value of its one varint. Stops at the first cell that does not hold exactly one
  // varint of 1 to 10 bytes, leaving it as it was; returns its index, `n` if there is none. The
  // offset of a cell whose size is none of these need not mean anything; behind other lists kSlop
  // bytes must be readable. A cell of kNoList becomes *absent, unless that is null: then it stops,
  // too.
  size_t (*decode_single_varints)(const ByteView* records, uint64_t* cells, size_t n,
                                  const uint64_t* absent);

  // Lists. Cell i is (size << 32 | offset) of a packed list inside records[i], or kNoList, which
  // counts as an empty one at its beginning; counts[i] becomes the number of its varints. Stops at
  // the first cell whose size is 2^30 or more, or whose list does not end with a terminator;
  // returns its index, `n` if there is none. kSlop bytes behind lists must be readable.
  size_t (*count_lists)(const ByteView* records, const uint64_t* cells, size_t n, uint32_t* counts);

  // Write values[0, n) as IEEE 754 binary16 or as the upper half of binary32, rounded to nearest
  // even. The index of the first finite value that would become infinite, `n` if there is none.
  size_t (*to_float16)(const float* values, size_t n, uint8_t* out);
  size_t (*to_bfloat16)(const float* values, size_t n, uint8_t* out);

  // Follows the entries of a record from *at to `end`, which are expected to be of these forms, one
  // after the other; some forms may have none, up to kMostPassedOver in a row. cells[column *
  // stride] becomes (size << 32 | offset in the record) of the values of each, kNoList where there
  // is none. Stops at what has none of the forms; returns how many forms there are up to the last
  // that was found. *at is then behind it, and cells of later forms are unspecified. kSlop bytes
  // behind `end` must be readable.
  size_t (*follow_entries)(const EntryForm* forms, size_t n, const uint8_t* record,
                           const uint8_t** at, const uint8_t* end, uint64_t* cells, size_t stride);

  // The same with whole records of at least one form: an Example message with nothing but such
  // entries. Of record i, cells[column * stride + i]. Index of the first record of which that is
  // not true, or whose missing entries are not followed by one; `n` if there is none. The cells of
  // that record are unspecified.
  size_t (*follow_records)(const ByteView* records, size_t n, const EntryForm* forms,
                           size_t form_count, uint64_t* cells, size_t stride);

  // Copies n bytes to a place that nobody reads soon, past the caches where the CPU can: they keep
  // what they hold, and no line is read only to be overwritten. Other threads may read the copies
  // after end_far_copies() by the thread that made them, and the usual synchronization.
  void (*copy_far)(uint8_t* to, const uint8_t* from, size_t n);
  void (*end_far_copies)();

  // Copies n bytes, as copy_far() does if it is `far`, and returns the CRC-32C of them, continuing
  // from `crc`. Each byte is read once: it is the CRC of the copy, whoever writes to `from`. Null
  // where the CPU has no way to do both at once.
  uint32_t (*copy_crc32c)(uint32_t crc, uint8_t* to, const uint8_t* from, size_t n, bool far);
};

// The body chosen for this process. Thread-safe; the first call decides. std::runtime_error if
// HEADRACE_CPU names none that this CPU can run.
const Kernels& kernels();

// Every body that this CPU can run, the portable one first.
std::span<const Kernels* const> runnable_kernels();

// Always inlined: see kernels/words.h.
[[gnu::always_inline]] inline uint32_t mask_crc(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace headrace
