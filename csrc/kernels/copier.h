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
    if (far_ && n >= kLarge) {
      kernels_.copy_far(to, from, n);
    } else {
      std::memcpy(to, from, n);
    }
  }

 private:
  static constexpr size_t kLarge = 1024;

  const Kernels& kernels_;
  const bool far_;
};

}  // namespace headrace
