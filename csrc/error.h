// Error: the one exception of the core. Leaves return codes; the layer that knows where throws.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace headrace {

enum class Fault : uint8_t {
  kTruncated,  // the file ends inside a record
  kCorrupted,  // a checksum fails, or a length cannot be
  kDataLoss,   // other damage: the file changed while being read, ...
  kParse,      // the record is whole, but not what the schema asks for
  kSystem,     // the operating system refused; code is errno
};

class Error : public std::runtime_error {
 public:
  static constexpr int64_t kUnknown = -1;

  // `message` is the whole sentence for the user, place included.
  Error(Fault fault, const std::string& message, std::string path, int64_t record = kUnknown,
        int64_t offset = kUnknown, int code = 0)
      : std::runtime_error(message),
        fault(fault),
        path(std::move(path)),
        record(record),
        offset(offset),
        code(code) {}

  Fault fault;
  std::string path;
  int64_t record;  // ordinal in its file
  int64_t offset;  // of the record's first byte in its file
  int code;        // errno, kSystem only
};

// "path: record N at byte B: what"
std::string place(std::string_view path, int64_t record, int64_t offset, std::string_view what);

// Printable ASCII as it is, all else as \xNN; cut after `limit` bytes of input.
std::string escape_bytes(std::string_view bytes, size_t limit = 256);

}  // namespace headrace
