// Blocks: the files cut into ranges, claimed in order by many threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "error.h"
#include "lookahead.h"
#include "position.h"
#include "read_ahead.h"
#include "source.h"

namespace headrace {

// A range of one file, the unit of work.
struct Block {
  uint64_t ticket = 0;  // blocks are numbered in the order of the stream
  uint64_t pass = 0, file = 0, begin = 0, end = 0;
  bool ends_pass = false;
  std::shared_ptr<const Source> source;  // none if it could not be opened
  std::optional<Error> trouble;          // met while opening or reading
  uint64_t request = 0;                  // that brings it (ReadAhead)
};

class Blocks {
 public:
  struct Rules {
    uint64_t block_size;
    bool repeats = false;   // passes follow one another until stop()
    bool tolerant = false;  // a file that cannot be read is the trouble of its block
    bool map_files = true;  // those that are not in memory, so that they come in large pages
  };

  // Looks at every file. Throws Error{kSystem} for one that cannot be read.
  Blocks(std::vector<std::string> files, const Rules& rules);

  const std::vector<uint64_t>& sizes() const { return sizes_; }

  // Whether nothing of the pass is left behind this position.
  bool pass_ends_at(const Position& position) const;
  bool contains(const Position& position) const;

  // The next block claimed is the one that begins here. Blocks claimed before stay claimed.
  void go_to(const Position& position);

  // Goes to the beginning of this pass, unless it or a later one has been reached.
  void go_to_pass(uint64_t pass);

  // A record reaches over all that lies before this offset of a file: no block need be claimed
  // there. Any thread; later blocks may have been claimed.
  void pass_over(uint64_t pass, uint64_t file, uint64_t offset);

  // The files are not in memory: what lies ahead is brought there in time. Any thread.
  void read_ahead() { cold_.store(true, std::memory_order_relaxed); }

  // False if there are no more. Any thread.
  bool claim(Block& block);
  void wait(const Block& block) { read_ahead_.wait(block.request); }  // until it has been brought
  void stop();
  void join() { read_ahead_.join(); }  // behind stop(), when no thread is here

 private:
  void open(Block& block);
  void begin_pass(uint64_t pass);

  const std::vector<std::string> files_;
  const Rules rules_;
  std::vector<uint64_t> sizes_;
  uint64_t file_count_ = 0;  // without empty ones at the end
  std::atomic<bool> stopped_{false}, cold_{false};

  ReadAhead read_ahead_;

  std::mutex mutex_;  // guards what follows
  uint64_t next_ticket_ = 0;
  uint64_t pass_ = 0, file_ = 0, offset_ = 0;
  std::optional<Lookahead> lookahead_;
  std::shared_ptr<const Source> source_;  // of file_
};

}  // namespace headrace
