#include "index_build.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include "record.h"
#include "source.h"
#include "threads.h"
#include "turn.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kBlock = uint64_t{1} << 20;
constexpr uint64_t kHeadersOnly = 4096;        // read where the next record is far away
constexpr uint64_t kFar = uint64_t{64} << 10;  // mean distance of records
constexpr size_t kNone = std::numeric_limits<size_t>::max();

// A file that is being read. Its blocks are claimed in order, read in parallel and walked in turn.
struct Reading {
  Reading(size_t file, std::shared_ptr<const Source> source)
      : file(file), source(std::move(source)) {}

  const size_t file;
  const std::shared_ptr<const Source> source;
  Turn turn;

  // Of the holder of the turn.
  uint64_t next = 0;  // where the next record starts
  ExtentsBuilder extents;
  Damage damage;

  // Guarded by the mutex of the build.
  uint64_t claimed = 0;  // where the next block begins
  uint64_t tickets = 0, done = 0;
  bool sparse = false;  // records are far apart: only headers are read, one after another
};

struct Block {
  uint64_t ticket = 0, begin = 0, end = 0;
};

// Each thread takes a file of its own while there are any, so that short files and single headers
// are read in parallel as well; then they join in what is left of the long ones.
class Build {
 public:
  explicit Build(const IndexJob& job);
  ~Build();
  Build(const Build&) = delete;
  Build& operator=(const Build&) = delete;

  std::shared_ptr<const Index> run(const std::function<bool()>& go_on);

 private:
  struct Worker {
    std::shared_ptr<Reading> reading;
    Block block;
    Piece piece;
    std::vector<ByteView> records;
  };

  void work();
  bool claim(Worker& worker);
  bool take(const Reading& reading) const;
  std::shared_ptr<Reading> open(size_t file) const;
  void read(Worker& worker);
  void walk(Worker& worker);
  bool publish(Reading& reading);
  void finish(Reading& reading);
  void fail(size_t file, std::exception_ptr error);

  const std::vector<std::string>& paths_;
  const OnCorruption policy_;
  const bool verifies_;
  std::vector<IndexedFile> files_;
  std::vector<Extents> extents_;  // each written once, by the thread that finishes the file
  std::vector<Damage> damages_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable idle_;
  size_t running_ = 0;  // threads
  bool stopped_ = false;
  size_t next_file_ = 0;  // that nobody reads yet
  std::vector<std::shared_ptr<Reading>> readings_;
  size_t failed_ = kNone;  // the first file that has an error
  std::exception_ptr error_;
};

Build::Build(const IndexJob& job)
    : paths_(job.files),
      policy_(job.policy),
      verifies_(policy_ == OnCorruption::kSkip || policy_ == OnCorruption::kStopFile),
      extents_(job.files.size()),
      damages_(job.files.size()) {
  uint64_t blocks = 0;
  for (const std::string& path : paths_) {
    const FileStatus status = check_local(path);
    files_.push_back({absolute_path(path), status.size, status.mtime_ns});
    blocks += (status.size + kBlock - 1) / kBlock;
  }
  const auto allowed = static_cast<uint64_t>(job.threads > 0 ? job.threads : available_threads());
  threads_.resize(static_cast<size_t>(std::min(allowed, blocks)));
}

Build::~Build() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::shared_ptr<const Index> Build::run(const std::function<bool()>& go_on) {
  for (std::thread& thread : threads_) {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    thread = std::thread([this] { work(); });
  }
  std::unique_lock lock(mutex_);
  while (!idle_.wait_for(lock, 100ms, [&] { return running_ == 0; })) {
    lock.unlock();
    const bool goes_on = go_on();
    lock.lock();
    if (!goes_on) stopped_ = true;
  }
  if (stopped_) return nullptr;
  if (error_) std::rethrow_exception(error_);
  Damage damage;
  for (const Damage& one : damages_) {
    damage.places += one.places;
    damage.bytes += one.bytes;
    damage.files += one.files;
  }
  return std::make_shared<const Index>(std::move(files_), std::move(extents_), policy_, damage);
}

void Build::work() {
  Worker worker;
  while (claim(worker)) {
    Reading& reading = *worker.reading;
    std::exception_ptr trouble;
    try {
      read(worker);
    } catch (...) {
      trouble = std::current_exception();  // has its turn: a block before may have an error, too
    }
    if (!reading.turn.wait(worker.block.ticket)) continue;
    try {
      if (trouble) std::rethrow_exception(trouble);
      walk(worker);
      const bool last = publish(reading);
      reading.turn.done();
      if (last) finish(reading);
    } catch (...) {
      fail(reading.file, std::current_exception());
      reading.turn.close();
    }
  }
  std::lock_guard lock(mutex_);
  if (--running_ == 0) idle_.notify_one();
}

// The next block: of the same file, of a file that nobody reads yet, or of any other.
bool Build::claim(Worker& worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stopped_) return false;
    if (!worker.reading || !take(*worker.reading)) {
      while (next_file_ < files_.size() && files_[next_file_].size == 0) ++next_file_;
      if (next_file_ < std::min(files_.size(), failed_)) {
        const size_t file = next_file_++;
        lock.unlock();
        std::shared_ptr<Reading> opened;
        try {
          opened = open(file);
        } catch (...) {
          fail(file, std::current_exception());
        }
        lock.lock();
        if (opened) readings_.push_back(opened);
        worker.reading = std::move(opened);
        continue;
      }
      const auto other = std::find_if(readings_.begin(), readings_.end(),
                                      [&](const auto& reading) { return take(*reading); });
      if (other == readings_.end()) return false;
      worker.reading = *other;
    }
    Reading& reading = *worker.reading;
    worker.block.ticket = reading.tickets++;
    worker.block.begin = reading.claimed;
    reading.claimed = std::min(reading.claimed + (reading.sparse ? kHeadersOnly : kBlock),
                               reading.source->size());
    worker.block.end = reading.claimed;
    return true;
  }
}

// Whether a block of this file can be claimed.
bool Build::take(const Reading& reading) const {
  return reading.file < failed_ && reading.claimed < reading.source->size() &&
         (!reading.sparse || reading.tickets == reading.done);
}

std::shared_ptr<Reading> Build::open(size_t file) const {
  std::shared_ptr<const Source> source = open_local(paths_[file]);
  if (source->size() != files_[file].size) {
    throw Error(Fault::kDataLoss,
                paths_[file] + ": expected " + std::to_string(files_[file].size) +
                    " bytes, found " + std::to_string(source->size()) +
                    ": the file changed while being read",
                paths_[file]);
  }
  return std::make_shared<Reading>(file, std::move(source));
}

void Build::read(Worker& worker) {
  worker.piece.forget();
  worker.reading->source->fetch(worker.piece, worker.block.begin,
                                worker.block.end - worker.block.begin);
}

// In the file's turn.
void Build::walk(Worker& worker) {
  Reading& reading = *worker.reading;
  worker.records.clear();
  const Scan scan =
      scan_records(*reading.source, worker.piece, reading.next, worker.block.end,
                   reading.extents.count(), policy_, true, worker.records, reading.damage);
  if (scan.error) throw *scan.error;
  for (const ByteView& record : worker.records) {
    const auto at = static_cast<uint64_t>(record.data - worker.piece.bytes.data) - kHeaderSize;
    reading.extents.add({worker.piece.offset + at, record.size});
  }
  reading.next = std::max(reading.next, scan.next);
}

// In the file's turn. True if the file has been read to its end.
bool Build::publish(Reading& reading) {
  std::lock_guard lock(mutex_);
  ++reading.done;
  reading.claimed = std::max(reading.claimed, reading.next);
  reading.sparse = !verifies_ && reading.next / kFar >= reading.extents.count();
  if (reading.done != reading.tickets || reading.claimed < reading.source->size()) return false;
  readings_.erase(std::find_if(readings_.begin(), readings_.end(),
                               [&](const auto& one) { return one.get() == &reading; }));
  return true;
}

void Build::finish(Reading& reading) {
  const FileStatus now = check_local(paths_[reading.file]);
  if (now.size != files_[reading.file].size || now.mtime_ns != files_[reading.file].mtime_ns) {
    throw Error(Fault::kDataLoss, paths_[reading.file] + ": the file changed while being read",
                paths_[reading.file]);
  }
  extents_[reading.file] = std::move(reading.extents).finish();
  damages_[reading.file] = reading.damage;
}

void Build::fail(size_t file, std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  if (file >= failed_) return;
  failed_ = file;
  error_ = std::move(error);
}

}  // namespace

std::shared_ptr<const Index> build_index(const IndexJob& job, const std::function<bool()>& go_on) {
  return Build(job).run(go_on);
}

}  // namespace headrace
