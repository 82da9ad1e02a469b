#include "selection.h"

#include <algorithm>

namespace headrace {

Selection::Selection(uint64_t total, const std::vector<Verb>& verbs)
    : total_(total), count_(total) {
  for (; verbs_ < verbs.size(); ++verbs_) {
    const Verb& verb = verbs[verbs_];
    if (verb.kind == Verb::kSkip) {
      const uint64_t n = verb.a < 0 ? count_ : std::min(count_, static_cast<uint64_t>(verb.a));
      start_ += n * step_;
      count_ -= n;
    } else if (verb.kind == Verb::kTake) {
      if (verb.a >= 0) count_ = std::min(count_, static_cast<uint64_t>(verb.a));
    } else if (verb.kind == Verb::kShard) {
      const auto n = static_cast<uint64_t>(verb.a), i = static_cast<uint64_t>(verb.b);
      start_ += i * step_;
      step_ *= n;
      count_ = even_count(count_, n, i, Even::kNo);
    } else if (verb.kind == Verb::kShardEven && verbs_ == 0) {
      even_ = verb.even;
      shards_ = static_cast<uint64_t>(verb.a);
      shard_ = static_cast<uint64_t>(verb.b);
      count_ = even_count(total_, shards_, shard_, even_);
    } else if (verb.kind == Verb::kShuffleAll) {
      shuffle_ = verb;
      ++verbs_;
      return;
    } else {
      return;
    }
  }
}

Selection::Order Selection::order(uint64_t iteration) const {
  Order order(*this);
  if (shuffle_) {
    order.permutation_.emplace(count_, shuffle_->seeds.lo,
                               shuffle_->seeds.reshuffle ? iteration : 0);
  }
  return order;
}

EvenPlace Selection::at(uint64_t k) const {
  const uint64_t position = start_ + k * step_;
  if (even_ == Even::kNo) return {position, true};
  return even_ordinal(total_, shards_, shard_, position, even_);
}

}  // namespace headrace
