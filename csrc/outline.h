// Outline: large records of which only the ends have been read. What lies between them, part of
// one large value, is read when its place in a batch is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "bytes.h"
#include "error.h"
#include "mapped_copier.h"
#include "mapping.h"
#include "source.h"
#include "stopwatch.h"

namespace headrace {

// Of one thread.
class Outline {
 public:
  // `may_map`: values may be copied from where the system has the file in its memory.
  Outline(bool verify, bool may_map) : verify_(verify), may_map_(may_map) {}

  // Where a record's data begins in its file. `mapping`: of that file; null: the outline may make
  // one of its own for a while.
  struct Origin {
    const Source* source;
    const Mapping* mapping;
    uint64_t offset;
  };

  // `records`: of their data at least the first and last kEndSize bytes are in memory, where they
  // belong, and the checksum behind it. They, their origins and the lap stay as they are until the
  // last value has been brought.
  void open(std::span<const Origin> origins, std::span<const ByteView> records, Lap& lap);

  // Reads to `to`, an array that is `far` or not (cells.h), the n bytes of records[record] that
  // would begin at `value`, and compares the record's data with its checksum. Once for each record,
  // in their order. Nothing is brought any more when one was not sound.
  void bring(size_t record, const uint8_t* value, size_t n, uint8_t* to, bool far);

  // The first record that was not whole or did not match its checksum; none if all did.
  static constexpr size_t kNone = SIZE_MAX;
  size_t unsound() const { return unsound_; }
  const std::optional<Error>& trouble() const { return trouble_; }  // of the system with it

  uint64_t bytes_read() const { return bytes_read_; }

  bool maps() const { return may_map_ && can_copy_mapped(); }

 private:
  std::optional<uint32_t> copy(const Origin& origin, uint64_t offset, size_t n, uint8_t* to,
                               bool far, uint32_t crc);
  size_t read(const Source& source, uint64_t offset, size_t n, uint8_t* to, uint32_t& crc);

  const bool verify_, may_map_;
  MappedCopier copier_;
  std::span<const Origin> origins_;
  std::span<const ByteView> records_;
  size_t unsound_ = kNone;
  std::optional<Error> trouble_;
  uint64_t bytes_read_ = 0;
  Lap* lap_ = nullptr;  // of the thread
};

}  // namespace headrace
