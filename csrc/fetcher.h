// Fetcher: records by their ordinals, wherever they stand.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "buffer.h"
#include "bytes.h"
#include "error.h"
#include "index.h"
#include "landing.h"
#include "mapping.h"
#include "source.h"

namespace headrace {

// Records in memory of one thread, reused. Views are valid until the next call, or as long as who
// takes the memory of a fetch away keeps it.
struct Fetched {
  std::vector<ByteView> records;     // in the order asked for
  std::vector<Index::Place> places;  // likewise
  Buffer memory;
  uint64_t bytes_read = 0;  // wanted or not

  struct Failure {
    size_t record;  // into `records`
    Error error;
  };
  std::vector<Failure> failures;  // those that could not be had, in rising order

 private:
  friend class Fetcher;
  struct Read {
    uint32_t file;
    uint64_t begin, end;
    size_t first;  // in by_place_
  };
  std::vector<uint32_t> by_place_;
  std::vector<Read> reads_;
  Landing landing_;
  std::vector<ByteView> pieces_;
};

// Any thread; files stay open, some hundreds at a time.
class Fetcher {
 public:
  // Bytes read in vain rather than asking twice: a call costs about as much as copying them.
  static constexpr uint64_t kNear = 4096;

  // Files that have at most so many bytes together may be mapped, if it pays.
  Fetcher(std::vector<std::string> files, std::shared_ptr<const Index> index, bool verify,
          uint64_t most_mapped = 0);

  const Index& index() const { return *index_; }
  const std::string& path(uint32_t file) const { return files_[file]; }

  // Reads the records with these ordinals, in the order in which they stand; near ones at once.
  // Each has its header, its data and kSlop readable bytes behind it. Lengths are verified, and the
  // data if the fetcher was told to.
  void fetch(std::span<const uint64_t> ordinals, Fetched& out);

  // The same for records that are far from each other. While the system has what is wanted in its
  // memory, pieces of mapped files are copied many at a time, which takes a third of the time.
  void gather(std::span<const uint64_t> ordinals, Fetched& out);
  bool gathers() const { return gathers_.load(std::memory_order_relaxed); }
  void try_again();  // what was not in memory may be there now

  // Of a record that was fetched.
  int64_t ordinal_in_file(uint64_t ordinal) const;

 private:
  std::shared_ptr<const Source> open(uint32_t file);
  const Mapping* map(uint32_t file);
  bool gather_all(Fetched& out);
  bool read_and_learn(const Index::Place& place, const Mapping& mapping, uint8_t* to);
  void plan_reads(std::span<const uint64_t> ordinals, Fetched& out) const;
  void check(std::span<const uint64_t> ordinals, Fetched& out) const;
  void check(std::span<const uint64_t> ordinals, size_t begin, size_t end, Fetched& out) const;
  Error torn_error(uint64_t ordinal, const Index::Place& place) const;
  Error mismatch(uint64_t ordinal, const Index::Place& place, const ByteView& record) const;

  const std::vector<std::string> files_;
  const std::shared_ptr<const Index> index_;
  const bool verify_;
  const bool may_gather_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<const Source>> sources_;
  std::vector<uint32_t> opened_;  // in the order of their opening
  std::vector<std::unique_ptr<const Mapping>> mappings_;
  std::unique_ptr<std::atomic<const Mapping*>[]> mapped_;  // the same, for who has no lock
  std::atomic<bool> gathers_;
};

}  // namespace headrace
