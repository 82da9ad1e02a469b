#include "lookahead.h"

#include <algorithm>
#include <utility>

namespace headrace {
namespace {

// The last record of what is read may end so far behind it.
constexpr uint64_t kBehind = uint64_t{1} << 20;

}  // namespace

Lookahead::Lookahead(const std::vector<uint64_t>& sizes, Ask ask)
    : begins_{0}, ask_(std::move(ask)) {
  for (const uint64_t size : sizes) begins_.push_back(begins_.back() + size);
}

uint64_t Lookahead::reach(uint64_t file, uint64_t begin, uint64_t end, uint64_t far) {
  const uint64_t here = begins_[file] + begin, there = begins_[file] + end;
  while (!asked_.empty() && asked_.front().end <= here) asked_.pop_front();
  if (next_ < here) {
    next_ = here;
    file_ = file;
  }
  const uint64_t enough = std::max(next_, there) + 2 * (there - here);
  while (next_ <= std::min(enough, there + far) && next_ < begins_.back()) ask_for_a_step();

  uint64_t number = 0;
  const uint64_t behind = std::min(there + kBehind, begins_[file + 1]);
  for (const Asked& asked : asked_) {
    if (asked.begin < behind) number = asked.number;
  }
  return number;
}

void Lookahead::ask_for_a_step() {
  while (next_ == begins_[file_ + 1]) ++file_;
  const uint64_t offset = next_ - begins_[file_];
  const uint64_t end = std::min((offset / ReadAhead::kStep + 1) * ReadAhead::kStep,
                                begins_[file_ + 1] - begins_[file_]);
  const uint64_t number = ask_(file_, offset, end - offset);
  asked_.push_back({next_, begins_[file_] + end, number});
  next_ = begins_[file_] + end;
}

void Lookahead::clear() {
  asked_.clear();
  next_ = file_ = 0;
}

}  // namespace headrace
