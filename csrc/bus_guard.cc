#include "bus_guard.h"

#include <cerrno>
#include <mutex>

#ifdef __linux__
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace headrace {
namespace {

struct Guarded {
  uintptr_t begin = 0, end = 0;
  std::atomic<bool>* given_up = nullptr;
};
static_assert(std::atomic<bool>::is_always_lock_free, "a handler sets one");

// Read by the handler on the thread that wrote it.
thread_local volatile Guarded guarded;

#ifdef __linux__
struct sigaction before;  // the process's, set before ours is put up
uintptr_t page_size = 4096;

bool give_up(uintptr_t at) {
  if (at < guarded.begin || at >= guarded.end) return false;
  guarded.given_up->store(true);
  const int code = errno;
  const uintptr_t page = at / page_size * page_size;
  void* const zeros = mmap(reinterpret_cast<void*>(page), guarded.end - page, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  errno = code;
  return zeros != MAP_FAILED;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  // One that somebody sent has no address.
  if (info->si_code > 0 && give_up(reinterpret_cast<uintptr_t>(info->si_addr))) return;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else if (before.sa_handler == SIG_DFL || info->si_code > 0) {
    // As if there were no handler: the read fails again, or what was sent is sent again.
    sigaction(signal, &before, nullptr);
    if (info->si_code <= 0) raise(signal);
  }
}

bool is_up(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_bus_error;
}
#endif

}  // namespace

bool BusGuard::stands() {
#ifdef __linux__
  static std::once_flag once;
  std::call_once(once, [] {
    page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    if (sigaction(SIGBUS, nullptr, &before) != 0) return;
    struct sigaction ours = {};
    ours.sa_sigaction = on_bus_error;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, &ours, nullptr);
  });
  struct sigaction now;
  sigset_t blocked;
  return sigaction(SIGBUS, nullptr, &now) == 0 && is_up(now) &&
         pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0 && sigismember(&blocked, SIGBUS) == 0;
#else
  return false;
#endif
}

BusGuard::BusGuard(const uint8_t* begin, size_t n, std::atomic<bool>& given_up) {
  guarded.given_up = &given_up;
  guarded.begin = reinterpret_cast<uintptr_t>(begin);
  guarded.end = guarded.begin + n;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

BusGuard::~BusGuard() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  guarded.end = 0;
}

}  // namespace headrace
