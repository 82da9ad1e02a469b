// ReadAhead: has the system read files into its memory before somebody wants them from there.
//
// By threads of our own, that wait for the device, each with a request under way. Linux brings what
// is touched in memory that asks for large pages in such of 2 MiB, by requests as large, which
// devices answer faster; and whoever reads or maps the file later has less to do with them than
// with the pages of 4 KiB in which it brings what posix_fadvise names. Where that cannot be done,
// the threads read, in vain.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace headrace {

// Any thread, but for join().
class ReadAhead {
 public:
  // Best asked for at a time, from a multiple of it on; what has been asked for is best so far
  // ahead of who reads.
  static constexpr uint64_t kStep = uint64_t{2} << 20, kFar = uint64_t{64} << 20;

  explicit ReadAhead(bool map_files) : maps_(map_files) {}
  ~ReadAhead();

  // Has [offset, offset + n) of a file brought, behind what was asked for before; its number, from
  // 1 on. What cannot be had is an error only when it is read. The caller's threads' signal mask
  // becomes that of ours.
  uint64_t ask(std::string path, uint64_t offset, uint64_t n);

  // Until what has been asked for up to this number is there or cannot be had, or stop(). 0: none.
  void wait(uint64_t number);

  void stop();  // what is under way is still waited for
  void join();  // behind stop(): the threads have ended

 private:
  struct Request {
    std::string path;
    uint64_t offset, n;
    bool done = false;
  };

  void work();
  void bring(const Request& request, std::vector<uint8_t>& scratch) const;

  const bool maps_;
  std::mutex mutex_;
  std::condition_variable asked_, done_;
  std::deque<Request> requests_;  // that are not done, but for some that were overtaken
  uint64_t first_ = 1;            // its number
  uint64_t next_ = 1;             // the first that nobody has taken
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace headrace
