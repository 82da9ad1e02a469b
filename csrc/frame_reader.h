// FrameReader: records read from places where they are known to stand.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "buffer.h"
#include "bytes.h"
#include "error.h"
#include "landing.h"
#include "mapping.h"
#include "outline.h"
#include "source.h"

namespace headrace {

struct FramePlace {
  uint32_t file;    // its number
  uint64_t offset;  // of the record's header in the file
  uint64_t size;    // of its data
};

// Records in memory of one thread, reused. Views are valid until the next call, or as long as who
// takes the memory of a read() away keeps it.
struct Frames {
  std::vector<FramePlace> places;  // what is asked for
  std::vector<ByteView> records;   // likewise, in the same order
  Buffer memory;
  uint64_t bytes_read = 0;  // wanted or not

  enum class Flaw : uint8_t {
    kTrouble,  // the system could not read it
    kTorn,     // the file ends before it does
    kHeader,   // another header than that of a record of its size
    kData,     // the data does not match its checksum
  };
  struct Flawed {
    size_t record;  // into `records`
    Flaw flaw;
    std::optional<Error> trouble;
  };
  std::vector<Flawed> flawed;  // those that could not be had, in rising order

  std::vector<Outline::Origin> origins;  // of records of which only the ends are in memory

 private:
  friend class FrameReader;
  struct Read {
    uint32_t file;
    uint64_t begin, end;
    size_t first;  // in by_place_
  };
  std::vector<uint32_t> by_place_;
  std::vector<Read> reads_;
  Landing landing_;
  std::vector<ByteView> pieces_;
  std::vector<std::shared_ptr<const Source>> sources_;  // of the origins
  bool outlined_ = false;                               // so were the last ones;
  long waits_ = 0;                                      // the thread's, before that
};

// Any thread; files stay open, some hundreds at a time.
class FrameReader {
 public:
  // Bytes read in vain rather than asking twice: a call costs about as much as copying them.
  static constexpr uint64_t kNear = 4096;
  static constexpr size_t kMostMappings = 16384;  // the system counts them

  // Average sizes of records for which gathering pays: of smaller ones, many are better read
  // together with all between them; of larger ones, what a call costs is little.
  static constexpr uint64_t kLeastGathered = 256, kMostGathered = 16384;
  // From here on, that it pays to bring their values from an outline.
  static constexpr uint64_t kLeastOutlined = uint64_t{64} << 10;

  // `may_map`: these files may be mapped; at most kMostMappings.
  FrameReader(std::vector<std::string> files, bool verify, bool may_map);

  const std::string& path(uint32_t file) const { return files_[file]; }

  // Reads the records at `frames.places`, in the order in which they stand; near ones at once. Each
  // has its header, its data and kSlop readable bytes behind it. Lengths are verified, and the data
  // if the reader was told to.
  void read(Frames& frames);

  // The same for records that are far from each other. While the system has what is wanted in its
  // memory, pieces of mapped files are copied many at a time, which takes a third of the time.
  void gather(Frames& frames);

  // Of large records, while the system has them in its memory: their ends, and the origins. Headers
  // are verified. False if it must be read as a whole.
  bool outline(Frames& frames);

  bool maps() const { return maps_.load(std::memory_order_relaxed); }
  void try_again();  // what was not in memory may be there now

 private:
  std::shared_ptr<const Source> open(uint32_t file);
  const Mapping* map(uint32_t file);
  bool gather_all(Frames& frames);
  bool outline_all(Frames& frames);
  bool read_and_learn(const FramePlace& place, const Mapping& mapping, uint8_t* to);
  void plan_reads(Frames& frames) const;
  void check(Frames& frames) const;
  void check(size_t begin, size_t end, Frames& frames) const;

  const std::vector<std::string> files_;
  const bool verify_;
  const bool may_map_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<const Source>> sources_;
  std::vector<uint32_t> opened_;  // in the order of their opening
  std::vector<std::unique_ptr<const Mapping>> mappings_;
  std::unique_ptr<std::atomic<const Mapping*>[]> mapped_;  // the same, for who has no lock
  std::atomic<bool> maps_;
};

}  // namespace headrace
