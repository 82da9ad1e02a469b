// CudaDriver: the few functions of the CUDA driver that page-locked memory needs, found at run
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace headrace {

// Loaded when first asked for: libcuda.so.1, or what HEADRACE_CUDA_DRIVER names. Creates no context
// and makes none current for longer than a call: it works in the primary contexts that others in
// this process have made active (PyTorch, JAX, CuPy and the CUDA runtime use these). Nothing
// throws. Any thread. Of no use in a forked child, as everything of CUDA.
//
// A stream that is being captured into a graph forbids calls that wait for, or ask about, the whole
// context, and is spoilt by them: mark() and wait() are such calls. The others are made so that a
// capture does not mind.
class CudaDriver {
 public:
  static CudaDriver& of_process();
  CudaDriver(const CudaDriver&) = delete;
  CudaDriver& operator=(const CudaDriver&) = delete;

  // Why nothing here can be used, for people; empty if it can be, once a context is active.
  const std::string& missing() const { return missing_; }
  bool has_context();

  // Page-locks whole pages for all contexts, those to come included. False without a context, or if
  // the driver refuses.
  bool lock_pages(void* memory, size_t size);
  bool unlock_pages(void* memory);

  // All that the active contexts have been told to do so far, on whatever stream.
  class Mark {
   public:
    struct Event {
      void* context;
      void* event;
    };
    std::vector<Event> events;
  };
  enum class Progress : uint8_t { kPending, kPassed, kUnknown };

  bool can_mark() const { return record_context_ != nullptr; }  // CUDA 12.5 and later
  std::optional<Mark> mark();           // does not wait; nothing if the driver refuses
  Progress progress(const Mark& mark);  // does not wait. kUnknown for good: a context has failed
  void recycle(Mark mark);              // one that has passed

  // Waits until that is done. False if the driver refuses.
  bool wait();

 private:
  CudaDriver();
  std::vector<void*> contexts();  // the active ones

  std::string missing_;
  int devices_ = 0;

  int (*primary_state_)(int, unsigned*, int*) = nullptr;
  int (*primary_retain_)(void**, int) = nullptr;
  int (*push_)(void*) = nullptr;
  int (*pop_)(void**) = nullptr;
  int (*register_)(void*, size_t, unsigned) = nullptr;
  int (*unregister_)(void*) = nullptr;
  int (*synchronize_)() = nullptr;
  int (*create_event_)(void**, unsigned) = nullptr;
  int (*query_event_)(void*) = nullptr;
  int (*record_context_)(void*, void*) = nullptr;
  int (*exchange_capture_mode_)(int*) = nullptr;

  class Within;  // a context, as long as it is in scope

  std::mutex mutex_;
  std::vector<void*> retained_;  // by device; null: not seen active yet
  std::vector<Mark::Event> spare_events_;
};

}  // namespace headrace
