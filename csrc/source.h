// Source: where the bytes of one file come from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "buffer.h"
#include "bytes.h"
#include "error.h"
#include "file_view.h"

namespace headrace {

class Source;

// A contiguous piece of a file in memory, with kSlop readable bytes behind it. Reused from block to
// block; whoever fetched it owns it.
struct Piece {
  uint64_t offset = 0;               // of the first byte in the file
  ByteView bytes;                    // valid until the next fetch
  Buffer memory;                     // the bytes, unless they are lent
  std::shared_ptr<const void> lent;  // keeps memory of the source alive

  // Where bytes from `offset` on begin in the memory of a local file: where a cache line of the
  // system's pages does not begin with one of ours. The system copies 5 to 7 % faster so (`rep
  // movsb`, on an Intel Xeon with AVX-512).
  static constexpr size_t lead_of(uint64_t offset) { return 32 + offset % 64; }
  static constexpr size_t kMostLead = 32 + 63;
  size_t lead() const { return lead_of(offset); }

  uint64_t end() const { return offset + bytes.size; }
  bool holds(uint64_t at, uint64_t n) const { return at >= offset && at + n <= end(); }
  void forget() { bytes = {}; }                           // before it is used for another file
  void fetch_more(const Source& source, uint64_t until);  // [offset, until); may move the bytes

  // Makes the memory large enough for n bytes and what is readable behind them. Keeps the first
  // `used`; may move the bytes.
  void reserve(size_t n, size_t used);
};

// One file. Thread-safe: every call names its place.
class Source {
 public:
  virtual ~Source() = default;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

  // Whether a read has had to wait for a device: it pays to ask for bytes before they are needed.
  virtual bool cold() const { return false; }
  virtual void waited() const {}  // who was shown the file has had to: it is cold

  // Whether the byte at `offset` could be read without that, as far as the system says.
  virtual bool in_memory(uint64_t /*offset*/) const { return true; }

  // Makes `piece` hold [offset, offset + n), fewer bytes only where the file ends or cannot be read
  // any further. What the piece already holds from `offset` on is kept and not read again. Memory
  // grows by steps of at most 64 MiB, as the bytes arrive.
  virtual void fetch(Piece& piece, uint64_t offset, uint64_t n) const = 0;

  // Copies [offset, offset + n) to `out`, fewer bytes only where the file ends or cannot be read
  // any further; returns how many.
  virtual size_t read(uint64_t offset, uint8_t* out, size_t n) const = 0;

  // Shows the file; empty if that cannot be done.
  virtual FileView view() const { return {}; }

  // Whether the file is still so long.
  virtual bool reaches(uint64_t end) const { return end <= size_; }

  // No other source of this process ever has this number, nor 0.
  uint64_t number() const { return number_; }

  // Where there were fewer bytes: the Error{kSystem} of the next one, at `offset`; none if the file
  // ends there, though it was longer when it was opened.
  virtual std::optional<Error> trouble_at(uint64_t /*offset*/) const { return {}; }

 protected:
  Source(std::string path, uint64_t size);

 private:
  const uint64_t number_;
  std::string path_;
  uint64_t size_;
};

inline void Piece::fetch_more(const Source& source, uint64_t until) {
  source.fetch(*this, offset, until - offset);
}

// Opens a local regular file. Throws Error{kSystem} with errno and path.
std::unique_ptr<Source> open_local(const std::string& path);

// What stat says of a local file; the same errors as opening it, without opening it.
struct FileStatus {
  uint64_t size = 0;
  int64_t mtime_ns = 0;
};
FileStatus check_local(const std::string& path);

}  // namespace headrace
