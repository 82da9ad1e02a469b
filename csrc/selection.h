// Selection: which records of an index a stream takes, and in which order; arithmetic, no table.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "even.h"
#include "permutation.h"
#include "plan.h"

namespace headrace {

class Selection {
 public:
  // The verbs at the beginning of a chain that need no reading when the number of records is known
  // (skip, take, shard, even shard), up to and with a shuffle of everything.
  Selection(uint64_t total, const std::vector<Verb>& verbs);

  size_t verbs() const { return verbs_; }             // of the chain that are done here
  uint64_t size() const { return count_; }            // records of a pass
  bool flags() const { return even_ == Even::kPad; }  // some may not be valid
  const Verb* shuffle() const { return shuffle_ ? &*shuffle_ : nullptr; }

  // Pass number `iteration` takes order(k) for k in [0, size()).
  class Order {
   public:
    EvenPlace operator()(uint64_t k) const {
      return selection_.at(permutation_ ? (*permutation_)(k) : k);
    }

   private:
    friend class Selection;
    explicit Order(const Selection& selection) : selection_(selection) {}
    const Selection& selection_;  // must outlive this
    std::optional<Permutation> permutation_;
  };
  Order order(uint64_t iteration) const;

 private:
  EvenPlace at(uint64_t k) const;

  uint64_t total_, count_;
  uint64_t start_ = 0,
           step_ = 1;  // k stands for start + k * step of the shard's records, or of all
  Even even_ = Even::kNo;
  uint64_t shards_ = 1, shard_ = 0;
  std::optional<Verb> shuffle_;
  size_t verbs_ = 0;
};

}  // namespace headrace
