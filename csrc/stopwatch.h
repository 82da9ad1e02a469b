// Stopwatch: where the time of a loader's threads goes. Read once a stage and block, so it can
// always run.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace headrace {

enum class Stage : uint8_t {
  kRead,      // bytes from files; checked and put in place with it, if that is done at once
  kOrder,     // framing, and giving records their rows
  kChecksum,  // of the data
  kLocate,    // finding the features
  kDecode,    // checking and counting values, decoding single ones
  kAssemble,  // writing values to their places in batches
  kWaitTurn,  // for another thread's part of the work
  kWaitRoom,  // for the consumer to take batches
  kConsumer,  // not a thread's: the consumer waiting for a batch
};
inline constexpr size_t kStages = 9;

// Any thread.
class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Stage stage, Clock::duration time) {
    spent_[static_cast<size_t>(stage)].fetch_add(
        static_cast<uint64_t>(std::chrono::nanoseconds(time).count()), std::memory_order_relaxed);
  }

  double seconds(Stage stage) const {
    return 1e-9 * static_cast<double>(spent_[static_cast<size_t>(stage)].load());
  }

 private:
  std::array<std::atomic<uint64_t>, kStages> spent_{};
};

// One thread's way through the stages.
class Lap {
 public:
  explicit Lap(Stopwatch& watch) : watch_(watch), begin_(Stopwatch::Clock::now()) {}

  // What has passed since the last end, or the beginning, was this stage's.
  void end(Stage stage) {
    const auto now = Stopwatch::Clock::now();
    watch_.add(stage, now - begin_);
    begin_ = now;
  }

 private:
  Stopwatch& watch_;
  Stopwatch::Clock::time_point begin_;
};

}  // namespace headrace
