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
#include "position.h"
#include "source.h"

namespace headrace {

// A range of one file, the unit of work.
struct Block {
  uint64_t ticket = 0;  // blocks are numbered in the order of the stream
  uint64_t pass = 0, file = 0, begin = 0, end = 0;
  bool ends_pass = false;
  std::shared_ptr<const Source> source;  // none if it could not be opened
  std::optional<Error> trouble;          // met while opening or reading

  // Bytes of this or a later file that are to be asked for before the block is read.
  struct Ahead {
    uint64_t file, begin, size;
  };
  std::optional<Ahead> ahead;
};

class Blocks {
 public:
  // Looks at every file. Throws Error{kSystem} for one that cannot be read, unless `tolerant`: then
  // its block has the trouble. `repeats`: passes follow one another until stop().
  Blocks(std::vector<std::string> files, uint64_t block_size, bool repeats, bool tolerant);

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

  // The files are not in memory: blocks come with what to ask for ahead of them. Any thread.
  void read_ahead() { cold_.store(true, std::memory_order_relaxed); }

  // False if there are no more. Any thread.
  bool claim(Block& block);
  void stop() { stopped_ = true; }

 private:
  void open(Block& block);
  std::optional<Block::Ahead> next_ahead(uint64_t claimed);
  void begin_pass(uint64_t pass);

  const std::vector<std::string> files_;
  const bool repeats_;
  const uint64_t block_size_;
  std::vector<uint64_t> sizes_;
  uint64_t file_count_ = 0;  // without empty ones at the end
  std::atomic<bool> stopped_{false}, cold_{false};

  std::mutex mutex_;  // guards what follows
  uint64_t next_ticket_ = 0;
  uint64_t pass_ = 0, file_ = 0, offset_ = 0;
  uint64_t ahead_file_ = 0, ahead_offset_ = 0;  // what has been asked for ends here,
  uint64_t ahead_ = 0;                          // so many bytes behind the next block
  std::shared_ptr<const Source> source_;        // of file_
};

}  // namespace headrace
