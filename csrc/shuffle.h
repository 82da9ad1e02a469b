// Shuffle: tf.data's shuffle(buffer_size, seed), as arithmetic on numbers of elements.
//
// tensorflow/core/kernels/data/shuffle_dataset_op.cc: a ring is kept full from the input; a draw
// gives one of its elements, and the ring's first takes the place of the drawn one. The same seeds
// give the same order, bit for bit.
#pragma once

#include <cstdint>
#include <vector>

#include "philox.h"

namespace headrace {

// tf.data's seeds of one shuffle in the dataset, before any iterator exists.
struct ShuffleSeeds {
  uint64_t lo = 0, hi = 0;
  bool reshuffle = true;  // reshuffle_each_iteration

  // The generator of the iterator number `iteration` of this dataset object.
  Philox iterator(uint64_t iteration) const {
    if (!reshuffle) return Philox(lo, hi);
    Philox seeds(lo, hi);
    const uint32_t first = seeds.at(2 * iteration), second = seeds.at(2 * iteration + 1);
    return Philox(first, second);
  }
};

// One pass of one shuffle. Elements are whatever 32-bit numbers the caller has for them.
class Shuffle {
 public:
  Shuffle(uint64_t buffer_size, Philox generator) : size_(buffer_size), generator_(generator) {}

  bool full() const { return pushed_ - drawn_ == size_; }
  bool empty() const { return pushed_ == drawn_; }
  uint64_t pushed() const { return pushed_; }  // elements of the input so far
  uint64_t drawn() const { return drawn_; }    // elements given so far

  // The next element of the input. Only if not full.
  void push(uint32_t element);

  // The next element of the output. Only if full, or if the input has ended and not empty.
  uint32_t draw();


  // While the ring is full, what draw number drawn() + `ahead` will look at, if nothing moves until
  // then: hints for the cache. The place, and later the element in it.
  void prefetch(uint64_t ahead) { __builtin_prefetch(&ring_[place_of(drawn_ + ahead)], 1); }
  uint32_t glimpse(uint64_t ahead) { return ring_[place_of(drawn_ + ahead)]; }

  static constexpr uint64_t kNothing = UINT64_MAX;

  // For a restore: which elements of the input (by number) the ring holds, by place, when `drawn`
  // elements had been given and `pushed` taken; kNothing in a free place. Replays the draws backwards until every place is
  // known: about B ln B of them.
  static std::vector<uint64_t> contents(uint64_t buffer_size, Philox generator, uint64_t drawn,
                                        uint64_t pushed);

  // Takes up a pass there; the elements follow by set(), one for each place of contents(). Until
  // then they are kUnset.
  static constexpr uint32_t kUnset = UINT32_MAX;
  void resume(uint64_t drawn, uint64_t pushed);
  void set(uint64_t place, uint32_t element) { ring_[place] = element; }

 private:
  uint64_t place_of(uint64_t draw) { return (draw + generator_.at(draw) % size_) % size_; }

  uint64_t size_;
  Philox generator_;
  uint64_t pushed_ = 0, drawn_ = 0;
  std::vector<uint32_t> ring_;  // element number i of the input enters at place i % size_
};

}  // namespace headrace
