#include "cuda_driver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace headrace {
namespace {

// Of cuda.h.
constexpr int kSuccess = 0;
constexpr int kNotReady = 600;
constexpr unsigned kPortable = 1;       // CU_MEMHOSTREGISTER_PORTABLE
constexpr unsigned kDisableTiming = 2;  // CU_EVENT_DISABLE_TIMING
constexpr int kRelaxed = 2;             // CU_STREAM_CAPTURE_MODE_RELAXED

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

// Work in a context, without spoiling another thread's capture by calls that do not concern it.
class CudaDriver::Within {
 public:
  Within(CudaDriver& driver, void* context) : driver_(driver) {
    driver_.exchange_capture_mode_(&capture_mode_);
    entered_ = driver_.push_(context) == kSuccess;
  }
  ~Within() {
    void* context;
    if (entered_) driver_.pop_(&context);
    driver_.exchange_capture_mode_(&capture_mode_);
  }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;
  explicit operator bool() const { return entered_; }

 private:
  CudaDriver& driver_;
  int capture_mode_ = kRelaxed;
  bool entered_;
};

CudaDriver& CudaDriver::of_process() {
  static CudaDriver* const driver = new CudaDriver;  // arrays may outlive static destructors
  return *driver;
}

CudaDriver::CudaDriver() {
  const char* const named = std::getenv("HEADRACE_CUDA_DRIVER");
  const char* const path = named != nullptr && *named != '\0' ? named : "libcuda.so.1";
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    missing_ = std::string("there is no CUDA driver (") + dlerror() + ")";
    return;
  }
  int (*initialize)(unsigned);
  int (*count_devices)(int*);
  const bool found =
      find(library, "cuInit", initialize) && find(library, "cuDeviceGetCount", count_devices) &&
      find(library, "cuDevicePrimaryCtxGetState", primary_state_) &&
      find(library, "cuDevicePrimaryCtxRetain", primary_retain_) &&
      find(library, "cuCtxPushCurrent_v2", push_) && find(library, "cuCtxPopCurrent_v2", pop_) &&
      find(library, "cuMemHostRegister_v2", register_) &&
      find(library, "cuMemHostUnregister", unregister_) &&
      find(library, "cuCtxSynchronize", synchronize_) &&
      find(library, "cuEventCreate", create_event_) &&
      find(library, "cuEventQuery", query_event_) &&
      find(library, "cuThreadExchangeStreamCaptureMode", exchange_capture_mode_);
  if (!found) {
    missing_ = std::string("the CUDA driver ") + path + " is older than 10.1";
    return;
  }
  find(library, "cuCtxRecordEvent", record_context_);
  int error = initialize(0);
  if (error == kSuccess) error = count_devices(&devices_);
  if (error != kSuccess || devices_ == 0) {
    missing_ = "the CUDA driver finds no device (error " + std::to_string(error) + ")";
    return;
  }
  retained_.resize(static_cast<size_t>(devices_));
}

std::vector<void*> CudaDriver::contexts() {
  std::vector<void*> found;
  std::lock_guard lock(mutex_);
  for (int device = 0; device < static_cast<int>(retained_.size()); ++device) {
    unsigned flags;
    int active = 0;
    if (primary_state_(device, &flags, &active) != kSuccess || active == 0) continue;
    void*& context = retained_[static_cast<size_t>(device)];
    // It is active, so that this makes none.
    if (context == nullptr && primary_retain_(&context, device) != kSuccess) context = nullptr;
    if (context != nullptr) found.push_back(context);
  }
  return found;
}

bool CudaDriver::has_context() { return !contexts().empty(); }

bool CudaDriver::lock_pages(void* memory, size_t size) {
  const std::vector<void*> active = contexts();
  if (active.empty()) return false;
  const Within within(*this, active.front());
  return within && register_(memory, size, kPortable) == kSuccess;
}

bool CudaDriver::unlock_pages(void* memory) {
  const std::vector<void*> active = contexts();
  if (active.empty()) return false;
  const Within within(*this, active.front());
  return within && unregister_(memory) == kSuccess;
}

std::optional<CudaDriver::Mark> CudaDriver::mark() {
  Mark mark;
  bool good = can_mark();
  for (void* const context : contexts()) {
    const Within within(*this, context);
    void* event = nullptr;
    {
      std::lock_guard lock(mutex_);
      for (auto spare = spare_events_.begin(); spare != spare_events_.end(); ++spare) {
        if (spare->context != context) continue;
        event = spare->event;
        spare_events_.erase(spare);
        break;
      }
    }
    good =
        good && within && (event != nullptr || create_event_(&event, kDisableTiming) == kSuccess);
    if (event != nullptr) mark.events.push_back({context, event});
    good = good && record_context_(context, event) == kSuccess;
    if (!good) break;
  }
  if (good) return mark;
  recycle(std::move(mark));
  return std::nullopt;
}

CudaDriver::Progress CudaDriver::progress(const Mark& mark) {
  for (const Mark::Event& event : mark.events) {
    const Within within(*this, event.context);
    if (!within) return Progress::kUnknown;
    const int answer = query_event_(event.event);
    if (answer == kNotReady) return Progress::kPending;
    if (answer != kSuccess) return Progress::kUnknown;
  }
  return Progress::kPassed;
}

void CudaDriver::recycle(Mark mark) {
  std::lock_guard lock(mutex_);
  spare_events_.insert(spare_events_.end(), mark.events.begin(), mark.events.end());
}

bool CudaDriver::wait() {
  for (void* const context : contexts()) {
    const Within within(*this, context);
    if (!within || synchronize_() != kSuccess) return false;
  }
  return true;
}

}  // namespace headrace
