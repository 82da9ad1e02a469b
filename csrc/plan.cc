#include "plan.h"

#include <algorithm>
#include <limits>

namespace headrace {
namespace {

constexpr int64_t kEndless = -1;

uint64_t left(int64_t limit, int64_t done) {
  return limit == kEndless ? std::numeric_limits<uint64_t>::max()
                           : static_cast<uint64_t>(std::max<int64_t>(limit - done, 0));
}

}  // namespace

ShuffleParts::ShuffleParts(const std::vector<Verb>& verbs) {
  const auto found = std::find_if(verbs.begin(), verbs.end(),
                                  [](const Verb& verb) { return verb.kind == Verb::kShuffle; });
  before.assign(verbs.begin(), found);
  if (found == verbs.end()) return;
  shuffle = &*found;
  behind.assign(found + 1, verbs.end());
}

Plan::Plan(const std::vector<Verb>& verbs) : verbs_(verbs), counters_(2 * verbs.size()) {}

Plan::Step Plan::offer(uint64_t available) {
  // First how far the same fate reaches, then the counters of the verbs that saw the records.
  uint64_t run = available;
  size_t level = 0;
  bool dropped = false;
  for (; level < verbs_.size() && !dropped; ++level) {
    const Verb& verb = verbs_[level];
    switch (verb.kind) {
      case Verb::kSkip:
        if (const uint64_t rest = left(verb.a, count(level)); rest > 0) {
          run = std::min(run, rest);
          dropped = true;
        }
        break;
      case Verb::kTake: {
        const uint64_t rest = left(verb.a, count(level));
        if (rest == 0) return ended_below(level + 1);
        run = std::min(run, rest);
        break;
      }
      case Verb::kShard: {
        const int64_t ahead = (verb.b - count(level) + verb.a) % verb.a;
        if (ahead > 0) {
          run = std::min(run, static_cast<uint64_t>(ahead));
          dropped = true;
        } else if (verb.a > 1) {
          run = std::min<uint64_t>(run, 1);
        }
        break;
      }
      case Verb::kRepeat:
        if (left(verb.a, count(level)) == 0) return ended_below(level + 1);
        break;
      default:
        break;
    }
  }
  for (size_t i = 0; i < level; ++i) {
    const auto n = static_cast<int64_t>(run);
    switch (verbs_[i].kind) {
      case Verb::kSkip:
        if (verbs_[i].a != kEndless && count(i) < verbs_[i].a) count(i) += n;
        break;
      case Verb::kTake:
        if (verbs_[i].a != kEndless) count(i) += n;
        break;
      case Verb::kShard:
        count(i) = static_cast<int64_t>((static_cast<uint64_t>(count(i)) + run) %
                                        static_cast<uint64_t>(verbs_[i].a));
        break;
      case Verb::kRepeat:
        if (run > 0) counters_[2 * i + 1] = 1;
        break;
      default:
        break;
    }
  }
  return {dropped || run == 0 ? Step::kDrop : Step::kDeliver, run};
}

Plan::Step Plan::source_ended() { return ended_below(0); }

// What the verb below `level` gives has ended: the next repeat outward starts it again.
Plan::Step Plan::ended_below(size_t level) {
  for (; level < verbs_.size(); ++level) {
    if (verbs_[level].kind != Verb::kRepeat) continue;
    const bool delivered = counters_[2 * level + 1] != 0;
    ++count(level);
    counters_[2 * level + 1] = 0;
    if (delivered && left(verbs_[level].a, count(level)) > 0) {
      std::fill_n(counters_.begin(), 2 * level, 0);
      return {Step::kNextPass};
    }
  }
  return {Step::kEnd};
}

void Plan::begin_again() { std::fill(counters_.begin(), counters_.end(), 0); }
void Plan::restore(const std::vector<int64_t>& counters) { counters_ = counters; }

}  // namespace headrace
