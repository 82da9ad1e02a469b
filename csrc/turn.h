// Turn: lets the holders of consecutive tickets through one after another.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace headrace {

class Turn {
 public:
  // Waits until all smaller tickets are done. False if the turn was closed instead.
  bool wait(uint64_t ticket) {
    for (int spin = 0; spin < kSpins; ++spin) {  // the holder before is mostly about to be done
      if (now_.load(std::memory_order_acquire) == ticket) return !closed_.load();
      pause();
    }
    std::unique_lock lock(mutex_);
    waiters_[ticket % waiters_.size()].wait(lock, [&] { return now_.load() == ticket || closed_; });
    return !closed_;
  }

  // By the holder of the ticket whose turn it is.
  void done() {
    std::lock_guard lock(mutex_);
    const uint64_t next = now_.load(std::memory_order_relaxed) + 1;
    now_.store(next, std::memory_order_release);
    waiters_[next % waiters_.size()].notify_all();
  }

  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& waiter : waiters_) waiter.notify_all();
  }

 private:
  static constexpr int kSpins = 600;

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::atomic<uint64_t> now_{0};
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::array<std::condition_variable, 16> waiters_;
};

}  // namespace headrace
