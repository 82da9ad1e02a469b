#include "source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace headrace {
namespace {

constexpr uint64_t kGrowth = uint64_t{64} << 20;

Error system_error(const std::string& path, int code) {
  return Error(Fault::kSystem, std::strerror(code), path, Error::kUnknown, Error::kUnknown, code);
}

FileStatus checked(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) throw system_error(path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    throw Error(Fault::kSystem, "Not a regular file: records are read by offset, by many threads",
                path, Error::kUnknown, Error::kUnknown, ESPIPE);
  }
#ifdef __APPLE__
  const auto& mtime = status.st_mtimespec;
#else
  const auto& mtime = status.st_mtim;
#endif
  return {static_cast<uint64_t>(status.st_size),
          static_cast<int64_t>(mtime.tv_sec) * 1'000'000'000 + mtime.tv_nsec};
}

class LocalFile final : public Source {
 public:
  LocalFile(std::string path, int descriptor, uint64_t size)
      : Source(std::move(path), size), descriptor_(descriptor) {}
  ~LocalFile() override { close(descriptor_); }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  void fetch(Piece& piece, uint64_t offset, uint64_t n) const override {
    n = offset < size() ? std::min(n, size() - offset) : 0;
    size_t have = 0;
    if (piece.memory && piece.bytes.size != 0 && piece.holds(offset, 0)) {
      // Keep what is there, moved to the front.
      have = static_cast<size_t>(std::min(piece.end() - offset, n));
      if (offset != piece.offset) {
        std::memmove(piece.memory.data() + Piece::lead_of(offset),
                     piece.bytes.data + (offset - piece.offset), have);
      }
    }
    piece.offset = offset;
    const size_t lead = piece.lead();
    while (have < n) {
      const size_t goal = static_cast<size_t>(std::min(n, have + kGrowth));
      piece.reserve(goal, have);
      const size_t got = read(offset + have, piece.memory.data() + lead + have, goal - have);
      have += got;
      if (have < goal) break;  // the layer above says why
    }
    piece.reserve(have, have);
    std::memset(piece.memory.data() + lead + have, 0, kSlop);
    piece.bytes = {piece.memory.data() + lead, have};
  }

  bool cold() const override { return cold_.load(std::memory_order_relaxed); }
  void waited() const override { cold_.store(true, std::memory_order_relaxed); }

  bool in_memory(uint64_t offset) const override {
    uint8_t byte;
    return try_to_read(offset, &byte, 1) >= 0 || errno != EAGAIN;
  }

  size_t read(uint64_t offset, uint8_t* out, size_t n) const override {
    size_t have = cold() ? 0 : read_from_memory(offset, out, n);
    while (have < n) {
      const ssize_t got = read_some(offset + have, out + have, n - have);
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    return have;
  }

  FileView view() const override { return FileView::of(descriptor_, size()); }

  bool reaches(uint64_t end) const override {
    struct stat status;
    return fstat(descriptor_, &status) == 0 && static_cast<uint64_t>(status.st_size) >= end;
  }

  // A failure may have been one of that moment.
  std::optional<Error> trouble_at(uint64_t offset) const override {
    uint8_t byte;
    const ssize_t got = read_some(offset, &byte, 1);
    const int failure = failure_.load(std::memory_order_relaxed);
    if (got == 0 || failure == 0) return {};
    return system_error(path(), failure);
  }

 private:
  ssize_t read_some(uint64_t offset, uint8_t* out, size_t n) const {
    for (;;) {
      const ssize_t got = pread(descriptor_, out, n, static_cast<off_t>(offset));
      if (got >= 0) return got;
      if (errno == EINTR) continue;
      failure_.store(errno, std::memory_order_relaxed);
      return got;
    }
  }

  // As much as the system has without asking a device. What is missing makes the file a cold one.
  size_t read_from_memory(uint64_t offset, uint8_t* out, size_t n) const {
    const ssize_t got = try_to_read(offset, out, n);
    if (got >= 0 &&
        (static_cast<size_t>(got) == n || offset + static_cast<size_t>(got) >= size())) {
      return static_cast<size_t>(got);
    }
    if (got >= 0 || errno == EAGAIN) cold_.store(true, std::memory_order_relaxed);
    return got > 0 ? static_cast<size_t>(got) : 0;
  }

  // Fails with EAGAIN where a device would have to be asked, with another error where the system
  // does not say.
  ssize_t try_to_read(uint64_t offset, uint8_t* out, size_t n) const {
#ifdef RWF_NOWAIT
    iovec part{out, n};
    return preadv2(descriptor_, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
#else
    static_cast<void>(offset), static_cast<void>(out), static_cast<void>(n);
    errno = ENOTSUP;
    return -1;
#endif
  }

  int descriptor_;
  mutable std::atomic<bool> cold_{false};
  mutable std::atomic<int> failure_{0};  // errno of the last one
};

}  // namespace

Source::Source(std::string path, uint64_t size)
    : number_([] {
        static std::atomic<uint64_t> last{0};
        return last.fetch_add(1, std::memory_order_relaxed) + 1;
      }()),
      path_(std::move(path)),
      size_(size) {}

void Piece::reserve(size_t n, size_t used) {
  if (!memory || memory.capacity() < lead() + n + kSlop) {
    Buffer larger(lead() + n + kSlop);
    if (used != 0) std::memcpy(larger.data() + lead(), memory.data() + lead(), used);
    memory = std::move(larger);
  }
  bytes.data = memory.data() + lead();
}

FileStatus check_local(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) throw system_error(path, errno);
  const FileStatus result = checked(path, status);
  if (access(path.c_str(), R_OK) != 0) throw system_error(path, errno);
  return result;
}

std::unique_ptr<Source> open_local(const std::string& path) {
  int descriptor;
  do {
    descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) throw system_error(path, errno);
  struct stat status;
  if (fstat(descriptor, &status) != 0) {
    const int code = errno;
    close(descriptor);
    throw system_error(path, code);
  }
  try {
    return std::make_unique<LocalFile>(path, descriptor, checked(path, status).size);
  } catch (...) {
    close(descriptor);
    throw;
  }
}

}  // namespace headrace
