// Plan: which records of the source, in which order, make up the stream that is batched.
//
// An automaton with small copyable state; it knows ordinals, not bytes, threads or time. Records
// are offered in the order of the source and each run of them gets its fate; lengths need not be
// known beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "even.h"
#include "shuffle.h"

namespace headrace {

struct Verb {
  enum Kind : uint8_t {
    kSkip,        // a = how many; -1: all
    kTake,        // a = how many; -1: all
    kShard,       // a = number of shards, b = index: positions with p % a == b
    kRepeat,      // a = how many passes; -1: endless
    kShuffle,     // a = size of the buffer, b = how often it has begun before, seeds
    kShuffleAll,  // b = how often it has begun before; seeds.lo, seeds.reshuffle
    kShardEven,   // a = number of shards, b = index, even
  };
  Kind kind;
  int64_t a = 0;
  int64_t b = 0;
  ShuffleSeeds seeds{};
  Even even = Even::kNo;
};

// A chain with at most one shuffle, divided there. The verbs must outlive it.
struct ShuffleParts {
  explicit ShuffleParts(const std::vector<Verb>& verbs);

  const Verb* shuffle = nullptr;
  std::vector<Verb> before, behind;  // without a shuffle all are before it
};

class Plan {
 public:
  struct Step {
    enum Fate : uint8_t {
      kDeliver,   // the next `count` offered records are delivered
      kDrop,      // they are not
      kNextPass,  // the source is to be read from its beginning
      kEnd,       // the stream has ended
    };
    Fate fate;
    uint64_t count = 0;
  };

  // `verbs` from the source outward; shuffles and even shards are not for a plan.
  explicit Plan(const std::vector<Verb>& verbs);

  // The fate of the next records of the source, at most `available` of them. With none available
  // it only tells whether the stream goes on (kDrop) without looking further.
  Step offer(uint64_t available);

  // The source has no more records in this pass. kNextPass or kEnd.
  Step source_ended();

  // All that moves, for a state; restoring needs the same verbs.
  const std::vector<int64_t>& counters() const { return counters_; }
  void restore(const std::vector<int64_t>& counters);
  void begin_again();

 private:
  Step ended_below(size_t level);
  int64_t& count(size_t level) { return counters_[2 * level]; }
  int64_t count(size_t level) const { return counters_[2 * level]; }

  std::vector<Verb> verbs_;
  // Two numbers a verb: what it has let pass or dropped (shard: position; repeat: finished
  // passes), and for repeat whether this pass has delivered anything.
  std::vector<int64_t> counters_;
};

}  // namespace headrace
