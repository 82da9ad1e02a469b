// Window: records in memory, or where they stand in their files, each until it has been drawn and
// parsed.
//
// Records live in segments, which arrive as blocks of files. When the segments take much more than
// the records that are still to be drawn, the emptiest are merged: what lives in them is copied to
// new ones, in one go, so that memory which others may be looking at never changes. So a window
// costs about twice its records' bytes at most, and 40 bytes a record. A segment may also come
// without memory: whoever draws one of its records reads it again. Records that are placed are
// parsed as they come in, into the row of the batch that will have them: nothing of them is kept
// but where they came from. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "buffer.h"
#include "bytes.h"
#include "marks.h"

namespace headrace {

class Window {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // A record that is to be drawn.
  struct Entry {
    uint32_t segment = kNone;
    uint32_t at = 0;          // first byte of its data in the segment, had it memory
    uint32_t size = 0;        // of its data
    uint32_t index : 31 = 0;  // among the records of its segment
    uint32_t placed : 1 = 0;
  };

  // Where a record came from: its file, its number and its data's offset in it, and the latest mark
  // when it arrived.
  struct Origin {
    uint64_t ordinal, offset;
    uint32_t file, mark;
  };

  Marks& marks() { return marks_; }

  // A block of a file, of so many bytes; `origin` is of a record that would begin there. Its mark
  // is held while records of it live, if it is one. The memory, if there is any, is kept as long as
  // it is needed.
  uint32_t add_segment(Buffer memory, size_t size, const Origin& origin);
  void let_go(uint32_t segment);  // no more of its records will be added

  // So many records of it, of so many bytes together, are to be drawn. Of records that are added
  // one after another some may be drawn before they are all added.
  void add(uint32_t segment, uint32_t records, uint64_t bytes) {
    Segment& to = segments_[segment];
    to.live += records;
    to.held += records;
    if (!to.memory) return;
    to.live_bytes += bytes;
    live_bytes_ += bytes;
  }
  // One that is placed.
  void add_placed(uint32_t segment) {
    ++segments_[segment].live;
    ++segments_[segment].placed;
  }

  // Adds a record of a segment elsewhere: to memory for those that wait for long. It need not be
  // added there.
  Entry keep(const Entry& entry, const uint8_t* data);

  // Draws a record: its bytes, which stay, as its origin does, until it is given back; null if they
  // are not in memory.
  const uint8_t* take(const Entry& entry) {
    Segment& segment = segments_[entry.segment];
    const uint8_t* data = nullptr;
    if (segment.memory) {
      segment.live_bytes -= entry.size;
      live_bytes_ -= entry.size;
      data = segment.memory.data() + entry.at;
    }
    if (--segment.live == segment.placed) settle(entry.segment);
    return data;
  }
  void take_placed(const Entry& entry) {
    Segment& segment = segments_[entry.segment];
    --segment.placed;
    if (--segment.live == 0) settle(entry.segment);
  }
  // A placed record is not drawn when it was expected. Before it is taken.
  void displace(Entry& entry);
  void give_back(uint32_t segment, uint32_t records);
  Origin origin(uint32_t segment, uint32_t index, uint32_t at) const;

  // Merging. True if there is much to be won: then move() all live entries of chosen segments.
  bool choose();
  bool chosen(uint32_t segment) const { return chosen_[segment] != 0; }
  void move(std::span<Entry* const> entries);

  uint64_t live_bytes() const { return live_bytes_; }  // in memory
  uint64_t memory() const { return memory_; }          // of segments with records that wait there

 private:
  struct Segment {
    Buffer memory;
    uint32_t live = 0;    // records still to be drawn
    uint32_t placed = 0;  // of those
    uint32_t held = 0;    // the others, and the drawn ones that have not been given back
    uint64_t live_bytes = 0;
    size_t size = 0;              // bytes used of the memory, if there is one
    bool arriving = false;        // records are still being added
    Origin origin{};              // of a block
    std::vector<Origin> origins;  // of each record that was moved here
  };

  uint32_t new_segment(Buffer memory, size_t size);
  uint32_t new_merged(size_t room);
  Entry append(uint32_t segment, const Entry& entry);
  void settle(uint32_t segment);
  void free_if_unused(uint32_t segment);

  std::vector<Segment> segments_;
  std::vector<uint8_t> chosen_;  // by segment
  std::vector<uint32_t> free_segments_;
  uint32_t keeping_ = kNone;  // the latest segment of keep()
  Marks marks_;
  uint64_t live_bytes_ = 0, memory_ = 0;
};

}  // namespace headrace
