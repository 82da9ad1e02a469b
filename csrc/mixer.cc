#include "mixer.h"

#include <algorithm>
#include <numeric>

namespace headrace {

void Mixer::start_at(const Position& position) {
  if (verb_ == nullptr) return;
  const auto size = static_cast<uint64_t>(verb_->a);
  iteration_ = position.iteration;
  input_ = position.input;
  const Philox generator = verb_->seeds.iterator(iteration_);
  shuffle_.emplace(size, generator);
  if (position.pushed == 0) return;
  shuffle_->resume(position.drawn, position.pushed);
  refill_ = Refill(size, generator, position.drawn, position.pushed);
}

void Mixer::begin_again() {
  while (left() != 0) {
    const Window::Entry record = shuffle_->draw();
    // Behind a restart all may not have come yet.
    if (record.segment != Window::kNone) discard(record);
  }
  let_go_all();
  input_ = 0;
  refill_ = {};
  forecast_.reset();
  shuffle_.emplace(static_cast<uint64_t>(verb_->a), verb_->seeds.iterator(++iteration_));
}

void Mixer::mark(Position at) {
  if (verb_ == nullptr) return;
  at.input = input_;
  mark_ = window_.marks().add(std::move(at));
}

void Mixer::tell(Position& position) {
  if (verb_ == nullptr) return;
  position = window_.marks().oldest();
  position.iteration = iteration_;
  position.drawn = shuffle_->drawn();
  position.pushed = shuffle_->pushed();
}

uint32_t Mixer::add_segment(Buffer memory, size_t size, Window::Origin origin) {
  origin.mark = mark_;
  const uint32_t segment = window_.add_segment(std::move(memory), size, origin);
  arriving_.push_back(segment);
  merge();
  return segment;
}

void Mixer::let_go(uint32_t segment) {
  arriving_.erase(std::find(arriving_.begin(), arriving_.end(), segment));
  window_.let_go(segment);
}

void Mixer::let_go_all() {
  for (const uint32_t segment : arriving_) window_.let_go(segment);
  arriving_.clear();
}

// The window is one short of being full.
void Mixer::foresee() {
  const auto size = static_cast<uint64_t>(verb_->a);
  std::vector<uint32_t> ring(size);
  if (shuffle_->drawn() == 0) {
    std::iota(ring.begin(), ring.end(), 0u);
  } else {
    refill_.tell(ring);
    ring[input_ % size] = static_cast<uint32_t>(input_);
  }
  forecast_.emplace(verb_->seeds.iterator(iteration_), shuffle_->drawn(), std::move(ring),
                    horizon_);
}

// It had gone in before the restart.
void Mixer::put_back(const Window::Entry& record) {
  if (const auto place = refill_.place(input_)) {
    window_.add(record.segment, 1, record.size);
    shuffle_->set(*place, record);
  }
}

void Mixer::merge() {
  if (!shuffle_ || !window_.choose()) return;
  survivors_.clear();
  shuffle_->each([&](Window::Entry& record) {
    if (record.segment != Window::kNone && !record.placed && window_.chosen(record.segment)) {
      survivors_.push_back(&record);
    }
  });
  window_.move(survivors_);
}

}  // namespace headrace
