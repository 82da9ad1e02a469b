// Recipes: any bytes, read as instructions for a file of good, damaged and false records; and what
// a scan of the file must find, by the definition of each policy.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "record.h"
#include "scan.h"
#include "writer.h"

namespace headrace::testing {

inline void put(std::string& bytes, uint64_t value, size_t size) {
  bytes.append(reinterpret_cast<const char*>(&value), size);
}

inline uint32_t masked(const std::string& bytes) {
  return mask_crc(
      kernels().crc32c(0, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

inline std::string header_of(uint64_t length) {
  std::string bytes;
  put(bytes, length, 8);
  put(bytes, masked(bytes), 4);
  return bytes;
}

inline std::string record_of(const std::string& data) {
  std::string bytes = header_of(data.size()) + data;
  put(bytes, masked(data), 4);
  return bytes;
}

// Two bytes say what, the data follows.
inline std::string cook(const uint8_t* recipe, size_t size) {
  std::string bytes;
  while (size >= 2) {
    const uint8_t what = recipe[0] & 7;
    const size_t n = std::min<size_t>(recipe[1] & 0x3f, size - 2);
    const std::string data(reinterpret_cast<const char*>(recipe) + 2, n);
    const size_t repeats = recipe[0] >> 3;  // makes records larger than blocks
    recipe += 2 + n;
    size -= 2 + n;
    std::string more = data;
    for (size_t i = 0; i < repeats; ++i) more += data;
    switch (what) {
      case 0:
      case 1:
        bytes += record_of(more);
        break;
      case 2:
        bytes += data;
        break;   // junk
      case 3: {  // wrong data
        std::string record = record_of(more);
        record.back() = static_cast<char>(record.back() ^ 1);
        bytes += record;
        break;
      }
      case 4: {  // wrong length
        std::string record = record_of(more);
        record[n % kHeaderSize] = static_cast<char>(record[n % kHeaderSize] ^ 4);
        bytes += record;
        break;
      }
      case 5: {  // a length that is not the data's
        uint64_t length = 0;
        std::memcpy(&length, data.data(), std::min<size_t>(n, 8));
        bytes += header_of(length >> (repeats * 2)) + data;
        break;
      }
      case 6:
        bytes += record_of(record_of(more));
        break;  // a record inside a record
      case 7:
        bytes += std::string(n * repeats, '\0');
        break;
    }
  }
  return bytes;
}

// A file in memory that lends exactly what was asked for, so that a sanitizer sees more.
class LentBytes final : public Source {
 public:
  explicit LentBytes(std::string bytes) : Source("bytes", bytes.size()), bytes_(std::move(bytes)) {}

  void fetch(Piece& piece, uint64_t offset, uint64_t n) const override {
    const auto memory = std::make_shared<std::vector<uint8_t>>();
    memory->resize(offset < size() ? std::min(n, size() - offset) : 0);
    read(offset, memory->data(), memory->size());
    piece.offset = offset;
    piece.bytes = {memory->data(), memory->size()};
    memory->resize(memory->size() + kSlop);
    memory->shrink_to_fit();
    piece.bytes.data = memory->data();
    piece.lent = memory;
  }

  size_t read(uint64_t offset, uint8_t* out, size_t n) const override {
    n = offset < size() ? std::min<uint64_t>(n, size() - offset) : 0;
    if (n != 0) std::memcpy(out, bytes_.data() + offset, n);
    return n;
  }

 private:
  std::string bytes_;
};

// What a scan found, as text.
struct Found {
  std::string text;

  void record(uint64_t offset, const std::string& data) {
    text += "record at " + std::to_string(offset) + ": " + std::to_string(data.size()) + " bytes " +
            std::to_string(masked(data)) + '\n';
  }
  void end(const Damage& damage) {
    text += std::to_string(damage.places) + " places, " + std::to_string(damage.bytes) +
            " bytes, " + std::to_string(damage.files) + " files";
  }
  void error(Fault fault, int64_t record, int64_t offset) {
    text += "fault " + std::to_string(static_cast<int>(fault)) + " in record " +
            std::to_string(record) + " at " + std::to_string(offset) + '\n';
  }
};

// By definition, in one go.
inline std::string expected_scan(const std::string& file, OnCorruption policy, bool verify) {
  enum class State { kGood, kBadData, kBadLength, kTornHeader, kTorn, kHuge };
  uint64_t length = 0;
  const auto look = [&](size_t at, bool checks_data) {
    const size_t left = file.size() - at;
    if (left < kHeaderSize) return State::kTornHeader;
    std::memcpy(&length, file.data() + at, 8);
    if (header_of(length) != file.substr(at, kHeaderSize)) return State::kBadLength;
    if (length > left || length + kHeaderSize + kFooterSize > left) {
      return length >= kLargestLength ? State::kHuge : State::kTorn;
    }
    const std::string whole = file.substr(at, kHeaderSize + length + kFooterSize);
    const bool good = whole == record_of(whole.substr(kHeaderSize, length));
    return good || !checks_data ? State::kGood : State::kBadData;
  };
  const bool checks =
      verify && (policy == OnCorruption::kSkip || policy == OnCorruption::kStopFile);
  Found found;
  Damage damage;
  int64_t ordinal = 0;
  size_t at = 0;
  while (at < file.size()) {
    const State state = look(at, checks);
    if (state == State::kGood) {
      found.record(at, file.substr(at + kHeaderSize, length));
      at += kHeaderSize + length + kFooterSize;
      ++ordinal;
      continue;
    }
    if (policy == OnCorruption::kTf && state == State::kTornHeader) break;
    if (policy == OnCorruption::kRaise || policy == OnCorruption::kTf) {
      const bool torn = state == State::kTornHeader || state == State::kTorn;
      found.error(torn ? Fault::kTruncated : Fault::kCorrupted, ordinal, static_cast<int64_t>(at));
      break;
    }
    size_t next = file.size();
    if (policy == OnCorruption::kSkip) {
      next = at + 1;
      if (state == State::kBadData) {
        next = at + kHeaderSize + length + kFooterSize;
      } else {
        while (next < file.size() && look(next, true) != State::kGood) ++next;
      }
    }
    ++damage.places;
    damage.bytes += next - at;
    // A record with wrong data at the very end is no reason to look further.
    if (next == file.size() && !(policy == OnCorruption::kSkip && state == State::kBadData)) {
      ++damage.files;
    }
    at = next;
  }
  found.end(damage);
  return found.text;
}

// By scan_records(), block by block.
inline std::string block_scan(const std::string& file, OnCorruption policy, bool verify,
                              uint64_t block_size, uint64_t slack) {
  const LentBytes source(file);
  Found found;
  Damage damage;
  uint64_t at = 0, ordinal = 0;
  for (uint64_t begin = 0; begin < file.size(); begin += block_size) {
    const uint64_t end = std::min<uint64_t>(begin + block_size, file.size());
    if (at >= end) continue;
    Piece piece;
    source.fetch(piece, begin, end - begin + slack);
    std::vector<ByteView> records;
    const Scan scan =
        scan_records(source, piece, at, end, ordinal, policy, verify, records, damage);
    if (!complete(source, piece, records)) found.text += "incomplete\n";
    for (const ByteView& record : records) {
      const auto offset = static_cast<uint64_t>(record.data - piece.bytes.data) + piece.offset;
      found.record(offset - kHeaderSize, std::string(record.text()));
    }
    ordinal += records.size();
    if (scan.error) {
      found.error(scan.error->fault, scan.error->record, scan.error->offset);
      break;
    }
    at = scan.next;
  }
  found.end(damage);
  return found.text;
}

// Where a scan differs from its definition, for any cut into blocks; empty if nowhere.
inline std::string scan_disagreement(const std::string& file) {
  for (const OnCorruption policy :
       {OnCorruption::kRaise, OnCorruption::kSkip, OnCorruption::kStopFile, OnCorruption::kTf}) {
    for (const bool verify : {true, false}) {
      const std::string expected = expected_scan(file, policy, verify);
      for (const uint64_t block_size :
           {uint64_t{1}, uint64_t{7}, uint64_t{64}, uint64_t{1} << 20}) {
        const std::string found = block_scan(file, policy, verify, block_size, block_size * 3);
        if (found == expected) continue;
        std::ostringstream text;
        text << "policy " << static_cast<int>(policy) << (verify ? "" : ", not verified")
             << ", blocks of " << block_size << ": found\n"
             << found << "\nexpected\n"
             << expected;
        return text.str();
      }
    }
  }
  return "";
}

}  // namespace headrace::testing
