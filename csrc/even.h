// Even: how many of the records of a stream a rank gets, and which.
#pragma once

#include <cassert>
#include <cstdint>

namespace headrace {

// What becomes of the records that do not go into the number of shards. Shard i of n has in any
// case the positions p with p % n == i, in rising order.
enum class Even : uint8_t {
  kNo,    // as tf.data: the first shards get one more
  kDrop,  // the last total % n records are left out
  kPad,   // a shard with one less repeats its own first record, not valid
  kWrap,  // a shard with one less goes on at the beginning of the stream
};

struct EvenPlace {
  uint64_t ordinal;
  bool valid;
};

// Records of shard `index` of `shards`. But for kNo the same for each index.
inline uint64_t even_count(uint64_t total, uint64_t shards, uint64_t index, Even even) {
  assert(index < shards);
  const uint64_t whole = total / shards, rest = total % shards;
  switch (even) {
    case Even::kNo:
      return whole + (index < rest);
    case Even::kDrop:
      return whole;
    case Even::kPad:
    case Even::kWrap:
      break;
  }
  return whole + (rest != 0);
}

// The k-th record of a shard; k < even_count(...). With fewer records than shards, kPad gives a
// shard that has none of its own the stream's first record, not valid.
inline EvenPlace even_ordinal(uint64_t total, uint64_t shards, uint64_t index, uint64_t k,
                              Even even) {
  assert(k < even_count(total, shards, index, even));
  const uint64_t position = k * shards + index;
  if (position < total) return {position, true};
  if (even == Even::kPad) return {index < total ? index : 0, false};
  return {position % total, true};  // more than once around only with fewer records than shards
}

}  // namespace headrace
