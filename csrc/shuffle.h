// Shuffle: tf.data's shuffle(buffer_size, seed), as arithmetic on numbers of elements.
//
// tensorflow/core/kernels/data/shuffle_dataset_op.cc: a ring is kept full from the input; a draw
// gives one of its elements, and the ring's first takes the place of the drawn one. The same seeds
// give the same order, bit for bit.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "foresight.h"
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

inline constexpr uint64_t kNothing = UINT64_MAX;

// For a restore: which elements of the input (by number) the ring holds, by place, when `drawn`
// elements had been given and `pushed` taken; kNothing in a free place. Replays the draws backwards
// until every place is known: about B ln B of them.
std::vector<uint64_t> shuffle_contents(uint64_t buffer_size, Philox generator, uint64_t drawn,
                                       uint64_t pushed);

// One pass of one shuffle.
template <class Element>
class Shuffle {
 public:
  Shuffle(uint64_t buffer_size, Philox generator)
      : size_(buffer_size), generator_(generator), foresight_(buffer_size, generator) {}

  bool full() const { return pushed_ - drawn_ == size_; }
  bool empty() const { return pushed_ == drawn_; }
  uint64_t pushed() const { return pushed_; }  // elements of the input so far
  uint64_t drawn() const { return drawn_; }    // elements given so far

  // The next element of the input. Only if not full.
  void push(const Element& element) {
    assert(!full());
    if (enter_ == ring_.size()) {
      ring_.push_back(element);  // the first round: no larger than the input needs
    } else {
      ring_[enter_] = element;
    }
    ++pushed_;
    enter_ = around(enter_ + 1);
  }

  // The next element of the output. Only if full, or if the input has ended and not empty.
  Element draw() {
    assert(!empty());
    const uint64_t live = pushed_ - drawn_;
    return take(around(first_ + below(generator_.at(drawn_), live)));
  }

  // Whether the next push() makes it full.
  bool steady() const { return pushed_ - drawn_ + 1 == size_; }

  // push() and draw(), while steady.
  Element exchange(const Element& element) {
    assert(steady());
    push(element);
    const uint64_t place = foresight_.place(drawn_);
    __builtin_prefetch(ring_.data() + foresight_.later(drawn_), 1);
    return take(place);
  }

  // Takes up a pass there; the elements follow by set(), one for each place of shuffle_contents().
  void resume(uint64_t drawn, uint64_t pushed) {
    drawn_ = drawn;
    pushed_ = pushed;
    first_ = drawn % size_;
    enter_ = pushed % size_;
    ring_.assign(std::min(size_, pushed), Element{});
  }
  void set(uint64_t place, const Element& element) { ring_[place] = element; }

  template <class Visit>
  void each(Visit visit) {  // of the elements in the ring
    const uint64_t live = pushed_ - drawn_, straight = std::min(live, size_ - first_);
    for (uint64_t i = first_; i < first_ + straight; ++i) visit(ring_[i]);
    for (uint64_t i = 0; i < live - straight; ++i) visit(ring_[i]);
  }

 private:
  // Gives the element there; the oldest takes its place.
  Element take(uint64_t place) {
    const Element element = ring_[place];
    ring_[place] = ring_[first_];
    first_ = around(first_ + 1);
    ++drawn_;
    return element;
  }

  uint64_t around(uint64_t place) const { return place < size_ ? place : place - size_; }

  // Most windows are small enough for the cheaper division.
  static uint64_t below(uint32_t random, uint64_t live) {
    return live <= UINT32_MAX ? random % static_cast<uint32_t>(live) : random;
  }

  uint64_t size_;
  Philox generator_;
  uint64_t pushed_ = 0, drawn_ = 0;
  uint64_t enter_ = 0, first_ = 0;  // the places of the next push, and of the oldest element
  std::vector<Element> ring_;       // element number i of the input enters at place i % size_
  Foresight foresight_;
};

}  // namespace headrace
