#include "index_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>

#include "kernels/kernels.h"
#include "source.h"

namespace headrace {
namespace {

constexpr char kMagic[] = "hr index";
constexpr size_t kMagicSize = sizeof kMagic - 1;
constexpr size_t kSizeAt = kMagicSize + 8;
constexpr size_t kChecksumSize = 4;
static_assert(sizeof(Extents::Group) == 24);

[[noreturn]] void throw_system(const std::string& path, int code) {
  throw Error(Fault::kSystem, std::strerror(code), path, Error::kUnknown, Error::kUnknown, code);
}

// A new file beside `path`, which takes its place when it is complete, else vanishes.
class Replacement {
 public:
  explicit Replacement(const std::string& path) : path_(path) {
    std::random_device random;
    do {
      char suffix[24];
      std::snprintf(suffix, sizeof suffix, ".%08x%08x.tmp", random(), random());
      temporary_ = path + suffix;
      descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && (errno == EEXIST || errno == EINTR));
    if (descriptor_ < 0) throw_system(path_, errno);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
  }

  void write(const uint8_t* data, size_t size) {
    while (size > 0) {
      const ssize_t n = ::write(descriptor_, data, std::min(size, size_t{1} << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_system(path_, errno);
      data += n;
      size -= static_cast<size_t>(n);
    }
  }

  void commit() {
    if (fsync(descriptor_) != 0) throw_system(path_, errno);
    if (close(std::exchange(descriptor_, -1)) != 0) throw_system(path_, errno);
    if (rename(temporary_.c_str(), path_.c_str()) != 0) throw_system(path_, errno);
    temporary_.clear();
  }

 private:
  const std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

// The bytes of the file as they come, gathered into large writes.
class Output {
 public:
  explicit Output(Replacement& file) : file_(file) { pending_.reserve(kGathered); }

  void bytes(const void* data, size_t size) {
    if (pending_.size() + size > kGathered) flush();
    const auto* begin = static_cast<const uint8_t*>(data);
    if (size > kGathered) {
      write(begin, size);
    } else {
      pending_.insert(pending_.end(), begin, begin + size);
    }
  }
  void number(uint64_t value) { bytes(&value, sizeof value); }
  template <class Array>
  void array(const Array& values) {
    number(values.size());
    bytes(values.data(), values.size() * sizeof *values.data());
  }
  void checksum() {
    flush();
    const uint32_t crc = crc_;
    bytes(&crc, sizeof crc);
    flush();
  }

 private:
  static constexpr size_t kGathered = size_t{1} << 18;

  void flush() {
    write(pending_.data(), pending_.size());
    pending_.clear();
  }
  void write(const uint8_t* data, size_t size) {
    crc_ = kernels().crc32c(crc_, data, size);
    file_.write(data, size);
  }

  Replacement& file_;
  std::vector<uint8_t> pending_;
  uint32_t crc_ = 0;
};

// Reads what Output has written. Never beyond its end, whatever the bytes say.
class Input {
 public:
  explicit Input(ByteView bytes) : bytes_(bytes) {}

  const uint8_t* take(uint64_t count, size_t size) {
    if (count > bytes_.size / size) throw std::invalid_argument("its parts are longer than it is");
    const uint8_t* const begin = bytes_.data;
    bytes_.data += count * size;
    bytes_.size -= static_cast<size_t>(count) * size;
    return begin;
  }
  uint64_t number() { return load64(take(1, sizeof(uint64_t))); }
  template <class Array>
  void array(Array& values) {
    const uint64_t count = number();
    const uint8_t* const begin = take(count, sizeof *values.data());
    values.resize(static_cast<size_t>(count));
    if (count > 0) std::memcpy(values.data(), begin, values.size() * sizeof *values.data());
  }
  bool at_end() const { return bytes_.size == 0; }

 private:
  ByteView bytes_;
};

uint64_t size_of(const Index& index) {
  uint64_t size = kMagicSize + 7 * sizeof(uint64_t) + kChecksumSize;
  for (const IndexedFile& file : index.files()) size += 8 * sizeof(uint64_t) + file.path.size();
  for (const Extents& extents : index.extents()) {
    const Extents::Parts& parts = extents.parts();
    size += parts.groups.size() * sizeof parts.groups[0] +
            parts.firsts.size() * sizeof parts.firsts[0] + parts.more.size();
  }
  return size;
}

std::shared_ptr<const Index> parsed(Input input) {
  input.take(kMagicSize, 1);
  input.number();  // version
  input.number();  // size
  const uint64_t policy = input.number();
  if (policy > static_cast<uint64_t>(OnCorruption::kTf)) {
    throw std::invalid_argument("there is no such policy");
  }
  Damage damage;
  damage.places = input.number();
  damage.bytes = input.number();
  damage.files = input.number();
  std::vector<IndexedFile> files;
  std::vector<Extents> extents;
  for (uint64_t left = input.number(); left > 0; --left) {
    IndexedFile& file = files.emplace_back();
    input.array(file.path);
    file.size = input.number();
    file.mtime_ns = static_cast<int64_t>(input.number());
    Extents::Parts parts;
    parts.count = input.number();
    parts.bits = input.number();
    input.array(parts.groups);
    input.array(parts.firsts);
    input.array(parts.more);
    extents.emplace_back(std::move(parts));
  }
  if (!input.at_end()) throw std::invalid_argument("its parts are shorter than it is");
  return std::make_shared<const Index>(std::move(files), std::move(extents),
                                       static_cast<OnCorruption>(policy), damage);
}

}  // namespace

void write_index(const Index& index, const std::string& path) {
  Replacement file(path);
  Output output(file);
  output.bytes(kMagic, kMagicSize);
  output.number(kIndexVersion);
  output.number(size_of(index));
  output.number(static_cast<uint64_t>(index.policy()));
  output.number(index.damage().places);
  output.number(index.damage().bytes);
  output.number(index.damage().files);
  output.number(index.files().size());
  for (size_t i = 0; i < index.files().size(); ++i) {
    const IndexedFile& indexed = index.files()[i];
    const Extents::Parts& parts = index.extents()[i].parts();
    output.array(indexed.path);
    output.number(indexed.size);
    output.number(static_cast<uint64_t>(indexed.mtime_ns));
    output.number(parts.count);
    output.number(parts.bits);
    output.array(parts.groups);
    output.array(parts.firsts);
    output.array(parts.more);
  }
  output.checksum();
  file.commit();
}

std::shared_ptr<const Index> read_index(const std::string& path) {
  const auto source = open_local(path);
  Piece piece;
  source->fetch(piece, 0, source->size());
  const ByteView bytes = piece.bytes;
  const auto fail = [&](Fault fault, const std::string& what) {
    return Error(fault, place(path, Error::kUnknown, Error::kUnknown, what), path);
  };
  if (bytes.text().substr(0, kMagicSize) != std::string_view(kMagic).substr(0, bytes.size)) {
    throw fail(Fault::kCorrupted, "expected an index of headrace, found \"" +
                                      escape_bytes(bytes.text(), kMagicSize) + "\"");
  }
  if (bytes.size < kSizeAt + sizeof(uint64_t)) {
    throw fail(Fault::kTruncated,
               "expected an index, found " + std::to_string(bytes.size) + " bytes");
  }
  if (const uint64_t version = load64(bytes.data + kMagicSize); version != kIndexVersion) {
    throw fail(Fault::kCorrupted, "expected an index of version " + std::to_string(kIndexVersion) +
                                      ", found version " + std::to_string(version));
  }
  const uint64_t size = load64(bytes.data + kSizeAt);
  if (size > bytes.size) {
    throw fail(Fault::kTruncated, "expected an index of " + std::to_string(size) +
                                      " bytes, found " + std::to_string(bytes.size));
  }
  const size_t checked = bytes.size - kChecksumSize;
  if (size != bytes.size ||
      kernels().crc32c(0, bytes.data, checked) != load32(bytes.data + checked)) {
    throw fail(Fault::kCorrupted, "expected an index that matches its checksum, found another one");
  }
  try {
    return parsed(Input({bytes.data, checked}));
  } catch (const std::invalid_argument& error) {
    throw fail(Fault::kCorrupted, std::string("expected a whole index: ") + error.what());
  }
}

}  // namespace headrace
