// LockedPages: page-locked memory, used again only when no copy to a GPU can be reading it.
//
// Whoever copies from such memory without waiting need not tell us, nor does PyTorch: when the last
// array is gone, a copy from it may still be under way, on a stream that we do not know. So what
// was lent to arrays goes to a quarantine. There it waits until all is done that the CUDA contexts
// of this process had been told to do by then; every copy had been, for who starts one holds an
// array.
//
// A mark is put behind that work by mark(), which the consumer's thread calls now and then: it
// waits for nothing. Later a thread that needs memory asks whether the mark has been passed. While
// it has not been, there is fresh memory. Drivers before CUDA 12.5 have no such mark: there a
// thread that needs memory waits for the GPUs, but only once there are kWorthAWait bytes in
// quarantine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_driver.h"
#include "shelves.h"

namespace headrace {

// Any thread. There is none in a child that was forked when somebody had asked for some: the driver
// is of no use there.
class LockedPages {
 public:
  static LockedPages& of_process();

  // The capacity that a buffer of this size gets.
  static size_t capacity_for(size_t size);

  // `capacity` bytes that all CUDA contexts see as page-locked, or null where that cannot be had:
  // no driver, no active context yet, half of the machine's memory locked already.
  uint8_t* take(size_t capacity);

  // `lent`: somebody may have started a copy from it.
  void give(uint8_t* memory, size_t capacity, bool lent);

  // Puts a mark behind what the GPUs have been told to do until now. Not while a stream is captured
  // into a graph: the driver would spoil the capture.
  void mark();

  // Gives what is free back to the system.
  void trim();

  // Why take() gives null, for people; empty if it does not.
  std::string missing();

  struct Stats {
    size_t registered = 0;       // bytes locked
    size_t free = 0;             // of these, for take()
    size_t waiting = 0;          // of these, in quarantine
    uint64_t registrations = 0;  // so far
  };
  Stats stats();

 private:
  struct Item {
    uint8_t* memory;
    size_t capacity;
  };
  struct Group {
    CudaDriver::Mark mark;
    std::vector<Item> items;
  };

  LockedPages() { released_.reserve(256); }
  uint8_t* from_shelf(size_t capacity);
  void collect();
  void wait_for_released();
  void shelve(std::vector<Item> items);
  void unlock(const std::vector<Item>& items);
  uint8_t* fresh(size_t capacity);
  void forget();  // in a forked child

  std::mutex mutex_;
  Shelves shelves_;
  std::vector<Item> released_;  // in quarantine, not marked yet
  std::deque<Group> groups_;    // in quarantine, in the order of their marks
  bool collecting_ = false;     // one thread at a time; the driver is not called under the lock
  bool marking_ = false;
  bool refused_ = false;  // by the driver, with a context: it is not asked again
  bool asked_ = false;    // the driver, for anything
  bool forked_ = false;   // from a process that had: it is not asked here
  size_t waiting_ = 0;
  Stats stats_;
};

}  // namespace headrace
