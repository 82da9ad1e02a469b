#include "source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "error.h"

namespace headrace {
namespace {

constexpr uint64_t kGrowth = uint64_t{64} << 20;

[[noreturn]] void throw_system(const std::string& path, int code, const char* what = nullptr) {
  throw Error(Fault::kSystem, what != nullptr ? what : std::strerror(code), path, Error::kUnknown,
              Error::kUnknown, code);
}

FileStatus checked(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) throw_system(path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    throw_system(path, ESPIPE, "Not a regular file: records are read by offset, by many threads");
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
    if (piece.memory && piece.bytes.size != 0 && piece.holds(offset, 0)) {  // keep what is there, moved to the front
      have = static_cast<size_t>(std::min(piece.end() - offset, n));
      if (offset != piece.offset) {
        std::memmove(piece.memory.data(), piece.bytes.data + (offset - piece.offset), have);
      }
    }
    piece.offset = offset;
    while (have < n) {
      const size_t goal = static_cast<size_t>(std::min(n, have + kGrowth));
      reserve(piece, goal + kSlop, have);
      const size_t got = read(offset + have, piece.memory.data() + have, goal - have);
      have += got;
      if (have < goal) break;  // shorter than it was when opened: the layer above says so
    }
    reserve(piece, have + kSlop, have);
    std::memset(piece.memory.data() + have, 0, kSlop);
    piece.bytes = {piece.memory.data(), have};
  }

  size_t read(uint64_t offset, uint8_t* out, size_t n) const override {
    size_t have = 0;
    while (have < n) {
      const ssize_t got = pread(descriptor_, out + have, n - have, static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_system(path(), errno);
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    return have;
  }

 private:
  static void reserve(Piece& piece, size_t size, size_t used) {
    if (piece.memory && piece.memory.capacity() >= size) return;
    Buffer larger(size);
    if (used != 0) std::memcpy(larger.data(), piece.memory.data(), used);
    piece.memory = std::move(larger);
  }

  int descriptor_;
};

}  // namespace

FileStatus check_local(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) throw_system(path, errno);
  const FileStatus result = checked(path, status);
  if (access(path.c_str(), R_OK) != 0) throw_system(path, errno);
  return result;
}

std::unique_ptr<Source> open_local(const std::string& path) {
  int descriptor;
  do {
    descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) throw_system(path, errno);
  struct stat status;
  if (fstat(descriptor, &status) != 0) {
    const int code = errno;
    close(descriptor);
    throw_system(path, code);
  }
  try {
    return std::make_unique<LocalFile>(path, descriptor, checked(path, status).size);
  } catch (...) {
    close(descriptor);
    throw;
  }
}

}  // namespace headrace
