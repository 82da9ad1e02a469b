// BlockRead: a block of a file on its way to the order of records: read, framed, checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "error.h"
#include "scan.h"
#include "source.h"

namespace headrace {

// Consecutive records of one file, whole, in memory of their own.
struct RecordBlock {
  uint64_t file = 0;
  uint64_t ordinal = 0;  // of the first record in its file
  Piece piece;           // its memory may be moved away: what matters is where the bytes are
  std::shared_ptr<Buffer> shared;  // there, if it is
  const void* reader = nullptr;    // the thread that has it in its cache
  std::vector<ByteView> records;
  uint64_t next_offset = 0;  // in the file, behind the last record
  bool ends_file = false;
  std::optional<Error> error;     // in place of the record behind the last one
  uint32_t segment = UINT32_MAX;  // the consumer's

  // Where a record begins in the file, with its length.
  uint64_t offset_of(const ByteView& record) const;
};

// One thread at a time.
struct BlockRead {
  static constexpr uint64_t kBehind = 4096;  // bytes read for the end of the last record

  std::string path;
  uint64_t file_size = 0;
  OnCorruption on_corruption = OnCorruption::kRaise;
  bool verify = true;
  std::shared_ptr<const Source> source;  // null: still to be opened
  uint64_t offset = 0, limit = 0;  // of the bytes; for frame() the first record's, maybe behind
  uint64_t ordinal = 0;            // of that record
  uint64_t room = 0;               // for bytes behind the limit

  // Records so large that nothing but their headers is read at first: nobody else has to wait for
  // where the next block begins. Only under kRaise, and if the first record begins at `offset`.
  bool headers_first = false;

  bool have_bytes = false;
  std::unique_ptr<RecordBlock> block = std::make_unique<RecordBlock>();
  Damage damage;

  void read();      // the bytes of the block, from where it or its first record begins
  void frame();     // finds the records that begin in it
  void complete();  // reads what is missing of them
  void check();     // verifies the data

 private:
  std::optional<Error> trouble_;  // while reading
};

}  // namespace headrace
