#include "read_ahead.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "file_view.h"

namespace headrace {
namespace {

constexpr size_t kThreads = 8;  // with 2 MiB each, a device has enough to do

// Closes a descriptor at the end of its scope.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

bool bring_in_large_pages(int file, uint64_t offset, uint64_t n) {
  const FileView view = FileView::of(file, offset, n);
  return view && view.ask_for_large_pages() && view.bring(0, view.size());
}

void read_in_vain(int file, uint64_t offset, uint64_t n, std::vector<uint8_t>& scratch) {
  scratch.resize(ReadAhead::kStep);
  while (n != 0) {
    const size_t most = std::min<uint64_t>(n, scratch.size());
    const ssize_t got = pread(file, scratch.data(), most, static_cast<off_t>(offset));
    if (got <= 0) return;
    offset += static_cast<uint64_t>(got);
    n -= static_cast<uint64_t>(got);
  }
}

}  // namespace

ReadAhead::~ReadAhead() {
  stop();
  join();
}

uint64_t ReadAhead::ask(std::string path, uint64_t offset, uint64_t n) {
  std::lock_guard lock(mutex_);
  requests_.push_back({std::move(path), offset, n});
  const uint64_t number = first_ + requests_.size() - 1;
  if (stopped_) return number;
  if (threads_.size() < kThreads) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {  // as many as the system lets us have
      if (threads_.empty()) {
        requests_.pop_back();
        return 0;
      }
    }
  }
  asked_.notify_one();
  return number;
}

void ReadAhead::wait(uint64_t number) {
  if (number == 0) return;
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return number < first_ || stopped_; });
}

void ReadAhead::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  asked_.notify_all();
  done_.notify_all();
}

void ReadAhead::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ReadAhead::work() {
  std::vector<uint8_t> scratch;
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [&] { return next_ < first_ + requests_.size() || stopped_; });
    if (stopped_) return;
    const uint64_t number = next_++;
    const Request request = std::move(requests_[number - first_]);
    lock.unlock();
    bring(request, scratch);
    lock.lock();
    requests_[number - first_].done = true;
    while (!requests_.empty() && requests_.front().done) {
      requests_.pop_front();
      ++first_;
    }
    done_.notify_all();
  }
}

void ReadAhead::bring(const Request& request, std::vector<uint8_t>& scratch) const {
  const Descriptor file{open(request.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) return;
  if (maps_ && bring_in_large_pages(file.number, request.offset, request.n)) return;
  read_in_vain(file.number, request.offset, request.n, scratch);
}

}  // namespace headrace
