// Position: where a stream of records goes on; the whole state of a chain.
#pragma once

#include <cstdint>
#include <vector>

namespace headrace {

// An open file of an interleaving source.
struct OpenFile {
  uint64_t file = 0;
  uint64_t offset = 0;   // of the next record
  uint64_t ordinal = 0;  // of the next record
  bool open = false;     // a slot without a file
};

struct Position {
  // The source, at its next record or, with a window, at one from which all live records follow.
  uint64_t pass = 0;
  uint64_t file = 0;          // index; interleaved: of the next file to be opened
  uint64_t offset = 0;        // of the next record in it
  uint64_t ordinal = 0;       // of the next record in it
  std::vector<int64_t> plan;  // counters of the verbs before the shuffle, there
  bool ended = false;

  // Interleaved files only.
  std::vector<OpenFile> slots;
  uint64_t turn = 0;     // the slot that is next
  uint64_t in_turn = 0;  // records that it has given in this turn

  // A shuffle and what stands behind it.
  uint64_t iteration = 0;      // how often the shuffle has begun anew
  uint64_t input = 0;          // number of the next record among those that go into the shuffle
  uint64_t pushed = 0;         // records that had gone into the shuffle
  uint64_t drawn = 0;          // records that had come out
  std::vector<int64_t> outer;  // counters of the verbs behind the shuffle
};

}  // namespace headrace
