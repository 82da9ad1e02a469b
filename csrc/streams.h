// Streams: files read block by block, several at a time, merged into one order of records.
//
// One slot: files one after another. Several: tf.data's interleaving, by turns. What is read ahead,
// and by which thread, has no influence on the order. Every call needs the caller's lock, but for
// those of the order that say otherwise: only one thread at a time calls any of the order's, and
// what these look at is changed by them alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "block_read.h"
#include "pipeline.h"
#include "position.h"

namespace headrace {

class Streams {
 public:
  struct Rules {
    uint64_t slots = 1;
    uint64_t turn_length = 1;   // records a slot gives before it is the next one's turn
    bool fill_on_visit = true;  // Dataset.interleave; false: num_parallel_reads, see next()
    bool repeats = false;       // perhaps: another pass may be read ahead
    OnCorruption on_corruption = OnCorruption::kRaise;
    bool verify = true;
    uint64_t block_size;
    uint64_t ahead;  // blocks read ahead of the order, all files together

    static Rules of(const LoaderJob& job, uint64_t buffer);  // bytes of a block, and a few behind
  };

  // Throws Error{kSystem} for a file that cannot be read; under kTf it gives that at its turn.
  Streams(std::vector<std::string> files, Rules rules);

  const std::vector<uint64_t>& sizes() const { return sizes_; }

  // --- reading ahead ---

  // A block to be read: claim(), read() without the lock, arrive(), and if that says so frame()
  // without the lock, framed(), complete() and check() without the lock, deliver(). Null from
  // claim(): enough is under way.
  struct Errand;
  std::unique_ptr<Errand> claim();
  // Whether its records can be found: where they begin is known once the block before is framed.
  // Until then the errand waits here, for claim() to give it out again with its bytes.
  bool arrive(std::unique_ptr<Errand>& errand);
  void framed(const Errand& errand);
  void deliver(std::unique_ptr<Errand> errand);

  // --- the order ---

  enum class Next : uint8_t {
    kRecords,  // block() holds the next `available()` records from `first()` on
    kError,    // block()->error takes the place of a record; pass_over_error() goes on
    kWait,     // it has not been read yet
    kEnd,      // the pass has ended
  };
  Next next();
  // Without the lock: next() would say kRecords, and finds them. False: perhaps not.
  bool have_records();
  RecordBlock* block() { return current_; }
  size_t first() const { return first_; }
  size_t available() const { return available_; }
  void take(size_t n);  // of the available ones; without the lock
  void pass_over_error();

  // Begins a pass; what was read ahead for it is used.
  void begin_pass(uint64_t pass);
  void go_to(const Position& position);
  void tell(Position& position) const;  // of the next record; without the lock
  bool contains(const Position& position) const;

  Damage damage() const { return damage_; }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  // One file being read.
  struct Reading {
    uint64_t pass, file;
    std::shared_ptr<const Source> source;        // of the errand under way
    uint64_t read_offset = 0, read_ordinal = 0;  // behind what has been framed
    uint64_t read_limit = 0;                     // behind the last block that was claimed
    uint64_t claimed = 0, framed = 0;            // blocks
    // In many records a block, so that the next begins where one should end; in large records.
    bool dense = false, large = false;
    uint64_t overrun = 0;  // bytes of a block's last record behind it, at most
    std::vector<std::unique_ptr<Errand>> waiting;     // in arrive()
    bool ended = false;                               // no more blocks will be claimed
    bool dropped = false;                             // nobody wants what is still under way
    uint64_t popped = 0;                              // blocks that have left the queue
    std::deque<std::unique_ptr<RecordBlock>> blocks;  // in order; null until delivered
    // The order's own.
    RecordBlock* front = nullptr;      // the first of the blocks, once the order has come to it
    size_t first = 0;                  // its next record
    uint64_t offset = 0, ordinal = 0;  // of the next record
  };
  using Readings = std::deque<std::shared_ptr<Reading>>;

  std::shared_ptr<Reading> begin(uint64_t pass, uint64_t file);
  bool wants_block(const Reading& reading, uint64_t most) const;
  std::unique_ptr<Errand> errand_for(std::shared_ptr<Reading> reading);
  std::unique_ptr<Errand> take_waiting(const std::shared_ptr<Reading>& reading);
  void open_next(uint64_t slot);
  void next_turn();
  void drop(Reading& reading);

  const std::vector<std::string> files_;
  const Rules rules_;
  std::vector<uint64_t> sizes_;

  uint64_t pass_ = 0;
  Readings slots_;                 // null: empty
  uint64_t next_file_ = 0;         // to be put into a slot
  std::atomic<uint64_t> turn_{0};  // read ahead it is a hint
  uint64_t in_turn_ = 0;
  Readings upcoming_;       // begun before they have a slot, in order
  uint64_t under_way_ = 0;  // blocks claimed or waiting

  RecordBlock* current_ = nullptr;
  size_t first_ = 0, available_ = 0;
  Damage damage_;
  uint64_t bytes_read_ = 0;
};

struct Streams::Errand : BlockRead {
  std::shared_ptr<Reading> reading;  // not while it waits there
  uint64_t number;                   // of the block in its reading
};

}  // namespace headrace
