// BusGuard: reading memory that shows a file, though the file may be cut meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace headrace {

// Where a mapped file has lost a page, or a device cannot give it, the system answers a read of it
// with a signal, SIGBUS, which ends the process. A thread that has a guard reads zeros there
// instead. The handler of the process passes on what concerns no guard.
//
// Of one thread, which has one at most at a time.
class BusGuard {
 public:
  // Whether guards of this thread work: the first call puts the handler up; once another one has
  // taken its place they do not, nor in a thread that blocks the signal.
  static bool stands();

  // Of [begin, begin + n), in pages of one mapping. Those from the first lost one on are given up,
  // which is said before anybody can read zeros there.
  BusGuard(const uint8_t* begin, size_t n, std::atomic<bool>& given_up);
  ~BusGuard();
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;
};

}  // namespace headrace
