// Mixer: the records between source and batches, in the window of a shuffle if there is one.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "forecast.h"
#include "plan.h"
#include "position.h"
#include "refill.h"
#include "shuffle.h"
#include "window.h"

namespace headrace {

// One thread at a time.
class Mixer {
 public:
  // `shuffle` must outlive it; null: records come out as they go in. `horizon`: draws ahead that
  // may be asked for.
  explicit Mixer(const Verb* shuffle, uint64_t horizon = 0) : verb_(shuffle), horizon_(horizon) {}

  bool shuffles() const { return verb_ != nullptr; }
  Window& window() { return window_; }

  // Goes on there. Before the first record.
  void start_at(const Position& position);
  // The next iteration of the shuffle; what has not come out is dropped.
  void begin_again();

  // The source goes on at `at` with the next records; a restart may begin there.
  void mark(Position at);
  // What of a position is known here, and of the source if there is a shuffle.
  void tell(Position& position);

  // Memory in which records begin to arrive; kept until let_go() and the last of them is done with.
  // Without memory, only where they stand is kept.
  uint32_t add_segment(Buffer memory, size_t size, Window::Origin origin);
  void let_go(uint32_t segment);
  void let_go_all();

  // Whether each record of the source that goes in brings one out: by exchange(), until the source
  // ends. Else it goes in by push().
  bool steady() const { return !shuffle_ || (shuffle_->steady() && !refill_.knows(input_)); }
  void push(const Window::Entry& record) {
    if (refill_.knows(input_)) {
      put_back(record);
    } else {
      window_.add(record.segment, 1, record.size);
      shuffle_->push(record);
    }
    ++input_;
  }
  // Some of a segment one after another, which are counted behind that by entered(), as for
  // Window::add().
  Window::Entry exchange(const Window::Entry& record) {
    return shuffle_ ? shuffle_->exchange(record) : record;
  }
  void entered(uint32_t segment, uint32_t records, uint64_t bytes) {
    window_.add(segment, records, bytes);
    input_ += records;
  }
  // One that is placed, or kept elsewhere.
  void entered() { ++input_; }
  // The draw of this iteration that will give what the next exchange() brings in; Forecast::kFar if
  // that is beyond the horizon.
  uint64_t draw_of_next() {
    if (!forecast_) foresee();
    return forecast_->draw_of(input_);
  }

  // Once the source has ended.
  uint64_t left() const { return shuffle_->pushed() - shuffle_->drawn(); }
  uint64_t drawn() const { return shuffle_->drawn(); }
  Window::Entry draw() { return shuffle_->draw(); }

  // A record that came out and is not wanted.
  void discard(const Window::Entry& record) {
    if (record.placed) return window_.take_placed(record);
    window_.take(record);
    window_.give_back(record.segment, 1);
  }

 private:
  void foresee();
  void put_back(const Window::Entry& record);
  void merge();

  const Verb* const verb_;
  const uint64_t horizon_;
  Window window_;
  std::optional<Shuffle<Window::Entry>> shuffle_;
  Refill refill_;
  std::optional<Forecast> forecast_;  // once it has been asked for something
  uint64_t iteration_ = 0;
  uint64_t input_ = 0;              // records that have gone into the shuffle in this iteration
  uint32_t mark_ = Window::kNone;   // the latest
  std::vector<uint32_t> arriving_;  // segments of which records are still to come
  std::vector<Window::Entry*> survivors_;
};

}  // namespace headrace
