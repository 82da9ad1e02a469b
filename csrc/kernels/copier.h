// Copier: copies values to where a batch has its place for them.
#pragma once

#include <cstring>

#include "kernels/kernels.h"

namespace headrace {

// `far`: to an array too large to stay in a cache until somebody reads it. Then large values are
// copied past the caches. What was copied may be published when the copier is gone.
class Copier {
 public:
  explicit Copier(bool far) : kernels_(kernels()), far_(far) {}
  Copier(const Copier&) = delete;
  ~Copier() {
    if (far_) kernels_.end_far_copies();
  }

  void operator()(uint8_t* to, const uint8_t* from, size_t n) const {
    if (n <= kSmall) {
      copy_small(to, from, n);
    } else if (far_ && n >= kLarge) {
      kernels_.copy_far(to, from, n);
    } else {
      std::memcpy(to, from, n);
    }
  }

  // The same, where all up to `end` will be written anew, and kSlop bytes behind the value can be
  // read: short values of whatever size take the same way.
  void within(const uint8_t* end, uint8_t* to, const uint8_t* from, size_t n) const {
    if (n <= kShort && kShort <= static_cast<size_t>(end - to)) {
      std::memcpy(to, from, kShort);
    } else {
      (*this)(to, from, n);
    }
  }

 private:
  static constexpr size_t kShort = 32, kSmall = 128, kLarge = 1024;

  // Without a call, in parts that may overlap.
  static void copy_small(uint8_t* to, const uint8_t* from, size_t n) {
    if (n >= 32) {
      for (size_t i = 0; i < n - 32; i += 32) std::memcpy(to + i, from + i, 32);
      std::memcpy(to + n - 32, from + n - 32, 32);
    } else if (n >= 16) {
      copy_both_ends<16>(to, from, n);
    } else if (n >= 8) {
      copy_both_ends<8>(to, from, n);
    } else if (n >= 4) {
      copy_both_ends<4>(to, from, n);
    } else {
      for (size_t i = 0; i < n; ++i) to[i] = from[i];
    }
  }

  template <size_t size>
  static void copy_both_ends(uint8_t* to, const uint8_t* from, size_t n) {
    std::memcpy(to, from, size);
    std::memcpy(to + n - size, from + n - size, size);
  }

  const Kernels& kernels_;
  const bool far_;
};

}  // namespace headrace
