// The machine's own limits over cached TFRecord files: what it costs to read them, to check both
// checksums of every record as well, and to copy the payloads out on top of that: to memory that is
// used again and again, by way of a window (in at one end, out from anywhere), or at once to
// anywhere in as much memory as the batches to come of a window take. "map": what copying with a
// checksum costs out of mapped files, whatever their records, to as much memory.
//
//   limits THREADS FILES...     prints GB/s of each, the best of four passes
//
// Built by cmake -DHEADRACE_BENCH=ON. Like a reader, it works in pieces that stay in a core's own
// cache; unlike one it keeps no order, parses nothing and hands nothing over.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "buffer.h"
#include "kernels/kernels.h"
#include "mapped_copier.h"

namespace headrace {
namespace {

constexpr size_t kPiece = 512 << 10;
constexpr size_t kCopyTarget = 8 << 20;  // reused, as a pool's buffers are
constexpr size_t kWindow = 32 << 20;     // of a thread
constexpr size_t kAhead = 2 * kWindow;
constexpr size_t kHeader = 12, kFooter = 4;

enum class Work { kRead, kChecksum, kCopy, kWindow, kScatter, kMap };

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "limits: %s\n", what.c_str());
  std::exit(1);
}

// One thread: reads whole files, keeping a record that is cut for the next piece.
class Worker {
 public:
  explicit Worker(Work work) : work_(work), piece_(2 * kPiece + kSlop) {
    if (work >= Work::kCopy) copies_.resize(kCopyTarget);
    if (work == Work::kWindow) window_.resize(kWindow);
    if (work >= Work::kScatter) {
      ahead_ = Buffer(kAhead);
      std::memset(ahead_.data(), 0, kAhead);
    }
  }

  size_t read(const std::string& path) {
    if (work_ == Work::kMap) return map(path);
    const int file = open(path.c_str(), O_RDONLY);
    if (file < 0) fail("cannot open " + path);
    size_t total = 0, kept = 0;
    while (true) {
      if (piece_.size() < kept + kPiece + kSlop) piece_.resize(kept + kPiece + kSlop);
      const ssize_t n = pread(file, piece_.data() + kept, kPiece, static_cast<off_t>(total));
      if (n < 0) fail("cannot read " + path);
      if (n == 0) break;
      total += static_cast<size_t>(n);
      if (work_ != Work::kRead) kept = take_records(kept + static_cast<size_t>(n), path);
    }
    close(file);
    return total;
  }

 private:
  size_t map(const std::string& path) {
    constexpr size_t kStep = 128 << 10;
    const auto source = open_local(path);
    for (uint64_t at = 0; at < source->size(); at += kStep, copied_ += kStep) {
      if (copied_ + kStep > kAhead) copied_ = 0;
      const auto n = static_cast<size_t>(std::min<uint64_t>(kStep, source->size() - at));
      if (!copier_.copy(*source, at, n, ahead_.data() + copied_, /*far=*/true, 0)) {
        fail("this machine does not map files, or not " + path);
      }
    }
    return source->size();
  }

  // Returns how many bytes of a cut record were moved to the front.
  size_t take_records(size_t have, const std::string& path) {
    records_.clear();
    size_t at = 0;
    while (at + kHeader <= have) {
      const uint64_t length = load64(piece_.data() + at);
      if (length > have - at - kHeader || have - at - kHeader - length < kFooter) break;
      records_.push_back({piece_.data() + at + kHeader, length});
      at += kHeader + length + kFooter;
    }
    const size_t n = records_.size();
    if (kernels().verify_lengths(records_.data(), n) != n ||
        kernels().verify_payloads(records_.data(), n) != n) {
      fail("bad checksum in " + path);
    }
    if (work_ >= Work::kCopy) {
      for (const ByteView& record : records_) copy_out(record);
      kernels().end_far_copies();
    }
    std::memmove(piece_.data(), piece_.data() + at, have - at);
    return have - at;
  }

  void copy_out(ByteView record) {
    if (work_ == Work::kScatter) {
      const size_t row = (record.size + 63) / 64 * 64;
      if (row > kAhead) fail("a record is larger than a window");
      uint8_t* const to = ahead_.data() + random_() % (kAhead / row) * row;
      return kernels().copy_far(to, record.data, record.size);
    }
    if (work_ == Work::kWindow) {
      if (entered_ + record.size > window_.size()) entered_ = 0;
      if (record.size > window_.size()) window_.resize(record.size);
      std::memcpy(window_.data() + entered_, record.data, record.size);
      entered_ += record.size;
      record.data = window_.data() + random_() % (window_.size() - record.size + 1);
    }
    if (copied_ + record.size > copies_.size()) copied_ = 0;
    if (record.size > copies_.size()) copies_.resize(record.size);
    std::memcpy(copies_.data() + copied_, record.data, record.size);
    copied_ += record.size;
  }

  Work work_;
  std::vector<uint8_t> piece_, copies_, window_;
  Buffer ahead_;
  MappedCopier copier_;
  size_t copied_ = 0, entered_ = 0;
  std::mt19937_64 random_;
  std::vector<ByteView> records_;
};

double gigabytes_per_second(Work work, size_t threads, const std::vector<std::string>& paths) {
  std::deque<Worker> workers;
  for (size_t i = 0; i < threads; ++i) workers.emplace_back(work);
  double best = 0;
  for (int pass = 0; pass < 4; ++pass) {
    std::atomic<size_t> next = 0, bytes = 0;
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::jthread> running;
    for (Worker& worker : workers) {
      running.emplace_back([&] {
        for (size_t i; (i = next++) < paths.size();) bytes += worker.read(paths[i]);
      });
    }
    running.clear();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(bytes) / seconds.count() / 1e9);
  }
  return best;
}

}  // namespace
}  // namespace headrace

int main(int argc, char** argv) {
  using headrace::Work;
  const int threads = argc > 2 ? std::atoi(argv[1]) : 0;
  if (threads < 1) headrace::fail("usage: limits THREADS FILES...");
  const std::vector<std::string> paths(argv + 2, argv + argc);
  for (auto [work, name] : {std::pair{Work::kRead, "read"},
                            {Work::kChecksum, "read+checksum"},
                            {Work::kCopy, "read+checksum+copy"},
                            {Work::kWindow, "read+checksum+window+copy"},
                            {Work::kScatter, "read+checksum+scatter"},
                            {Work::kMap, "map+checksum+copy"}}) {
    if (work == Work::kMap && headrace::kernels().copy_crc32c == nullptr) continue;
    std::printf("%s %.2f\n", name,
                headrace::gigabytes_per_second(work, static_cast<size_t>(threads), paths));
  }
}
