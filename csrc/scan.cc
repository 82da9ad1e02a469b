#include "scan.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr uint64_t kSearchStep = uint64_t{1} << 20;

uint64_t offset_in_file(const Piece& piece, const ByteView& record) {
  return piece.offset + static_cast<uint64_t>(record.data - piece.bytes.data) - kHeaderSize;
}

// Whether a whole record with both checksums right stands at `offset`. Not fooled by chance (one
// candidate in 2^64 is), but by whole records inside the data of a damaged one.
bool record_stands_at(const Source& source, Piece& window, uint64_t offset) {
  const uint8_t* header = window.bytes.data + (offset - window.offset);
  const uint64_t length = load64(header);
  const uint64_t left = source.size() - offset;
  if (length > left || left - length < kHeaderSize + kFooterSize) return false;
  ByteView record{header + kHeaderSize, static_cast<size_t>(length)};
  if (kernels().verify_lengths(&record, 1) != 1) return false;
  const uint64_t end = offset + kHeaderSize + length + kFooterSize;
  if (end > window.end()) {
    window.fetch_more(source, end);
    if (end > window.end()) return false;
    record.data = window.bytes.data + (offset - window.offset) + kHeaderSize;
  }
  return kernels().verify_payloads(&record, 1) == 1;
}

// Where the next whole record stands, from `offset` on; the file's size if there is none, or if
// none can be found for this trouble.
uint64_t find_record(const Source& source, uint64_t offset, std::optional<Error>& trouble) {
  Piece window;
  while (source.size() - offset >= kHeaderSize + kFooterSize) {
    window.forget();
    source.fetch(window, offset, kSearchStep);
    const uint64_t end = window.end();
    const bool cut = end < std::min(offset + kSearchStep, source.size());
    if (window.bytes.size < kHeaderSize + kFooterSize) {
      if (cut) trouble = source.trouble_at(end);
      break;
    }
    const uint64_t last = window.end() - kHeaderSize;  // a header fits
    for (; offset <= last; ++offset) {
      if (record_stands_at(source, window, offset)) return offset;
    }
    if (cut && (trouble = source.trouble_at(end))) break;
  }
  return source.size();
}

}  // namespace

Scan scan_records(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                  uint64_t ordinal, OnCorruption policy, bool verify,
                  std::vector<ByteView>& records, Damage& damage, Walker walk_from) {
  const uint64_t size = source.size();
  const bool checks = policy == OnCorruption::kSkip || policy == OnCorruption::kStopFile;
  while (offset < limit) {
    const size_t first = records.size();
    Walk walk = walk_from(source, piece, offset, limit, records);
    if (checks) {
      const bool whole = complete(source, piece, records);
      const size_t n = records.size() - first - (whole ? 0 : 1);
      const size_t good = verify ? kernels().verify_payloads(records.data() + first, n) : n;
      if (good < records.size() - first) {
        // Its length is right, so what follows it may well be a record.
        const ByteView& bad = records[first + good];
        walk = {offset_in_file(piece, bad), Stop::kBadData};
        const auto trouble = good == n ? source.trouble_at(piece.end()) : std::nullopt;
        if (trouble) {
          records.resize(first + good);
          return {walk.next, trouble};
        }
        if (policy == OnCorruption::kSkip) {
          const uint64_t next = walk.next + kHeaderSize + bad.size + kFooterSize;
          ++damage.places;
          damage.bytes += std::min(next, size) - walk.next;
          records.resize(first + good);
          offset = next;
          continue;
        }
        records.resize(first + good);
      }
    }
    if (walk.stop == Stop::kLimit || walk.stop == Stop::kEnd) return {walk.next, {}};
    if (walk.stop == Stop::kUnread) {
      ordinal += records.size() - first;
      return {walk.next, framing_error(source, walk, static_cast<int64_t>(ordinal))};
    }
    switch (policy) {
      case OnCorruption::kTf:
        if (walk.stop == Stop::kTornHeader) return {size, {}};
        [[fallthrough]];
      case OnCorruption::kRaise:
        ordinal += records.size() - first;
        return {walk.next, framing_error(source, walk, static_cast<int64_t>(ordinal))};
      case OnCorruption::kStopFile:
        ++damage.places;
        ++damage.files;
        damage.bytes += size - walk.next;
        return {size, {}};
      case OnCorruption::kSkip:
        std::optional<Error> trouble;
        offset = find_record(source, walk.next + 1, trouble);
        if (trouble) return {walk.next, trouble};
        ++damage.places;
        damage.bytes += offset - walk.next;
        if (offset == size) ++damage.files;
    }
  }
  return {offset, {}};
}

}  // namespace headrace
