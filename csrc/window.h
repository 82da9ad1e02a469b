// Window: records in memory, each until it is drawn and parsed.
//
// Records live in segments, which arrive as blocks of a file; a segment of which less than half is
// still wanted is copied together with others. So a window costs at most twice its records' bytes,
// and 40 bytes a record. One thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.h"
#include "bytes.h"

namespace headrace {

class Window {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Where a live record is, and where it came from.
  struct Entry {
    uint32_t segment;
    uint32_t at;     // first byte of its data in the segment
    uint32_t size;   // of its data
    uint32_t block;  // numbers of the caller, given back with the record
    uint32_t mark;
    uint32_t delta;
    uint32_t index;
  };

  // Takes the memory over. The segment stays, and its records where they are, until it is let go.
  uint32_t add_segment(Buffer memory);
  void let_go(uint32_t segment);

  // A record of a segment that has not been let go; returns its number.
  uint32_t add(const Entry& entry);

  const Entry& operator[](uint32_t record) const { return entries_[record]; }
  ByteView data(const Entry& entry) const {
    return {segments_[entry.segment].memory.data() + entry.at, entry.size};
  }

  // A hint for the cache.
  void prefetch_entry(uint32_t record) const { __builtin_prefetch(&entries_[record], 1); }

  // Takes a record out; its bytes stay where they are until unpin(), once for each record.
  Entry take(uint32_t record);
  void unpin(uint32_t segment);

  uint64_t records() const { return entries_.size() - free_entries_.size(); }
  uint64_t memory() const { return memory_; }  // bytes of all segments

 private:
  struct Segment {
    Buffer memory;
    bool arriving = false;        // records are still being added
    uint32_t pins = 0;            // records taken out and still looked at
    uint32_t live = 0;            // entries
    uint64_t live_bytes = 0;      // of their data
    std::vector<uint32_t> lived;  // entries that were added here; some live elsewhere by now
  };

  void compact_if_sparse(uint32_t segment);
  void compact(uint32_t segment);
  void free_if_unused(uint32_t segment);

  std::vector<Segment> segments_;
  std::vector<uint32_t> free_segments_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_entries_;
  uint32_t gathering_ = kNone;  // segment that survivors are copied to
  size_t gathered_ = 0;         // bytes used of it
  uint64_t memory_ = 0;
};

}  // namespace headrace
