#include "fetcher.h"

#include <algorithm>

#include "record.h"

namespace headrace {
namespace {

bool pays_to_map(const Index& index, uint64_t most_mapped) {
  uint64_t bytes = 0;
  for (const IndexedFile& file : index.files()) bytes += file.size;
  const uint64_t average = bytes / std::max<uint64_t>(index.count(), 1);
  return index.files().size() <= FrameReader::kMostMappings && bytes <= most_mapped &&
         ((average >= FrameReader::kLeastGathered && average <= FrameReader::kMostGathered) ||
          (average >= FrameReader::kLeastOutlined && can_copy_mapped()));
}

}  // namespace

Fetcher::Fetcher(std::vector<std::string> files, std::shared_ptr<const Index> index, bool verify,
                 uint64_t most_mapped)
    : index_(std::move(index)),
      reader_(std::move(files), verify, pays_to_map(*index_, most_mapped)) {}

int64_t Fetcher::ordinal_in_file(uint64_t ordinal) const {
  return static_cast<int64_t>(ordinal - index_->start(index_->find(ordinal).file));
}

void Fetcher::fetch(std::span<const uint64_t> ordinals, Fetched& out) {
  find(ordinals, out);
  reader_.read(out);
  explain(ordinals, out);
}

void Fetcher::gather(std::span<const uint64_t> ordinals, Fetched& out) {
  find(ordinals, out);
  reader_.gather(out);
  explain(ordinals, out);
}

bool Fetcher::outline(std::span<const uint64_t> ordinals, Fetched& out) {
  find(ordinals, out);
  out.failures.clear();
  return reader_.outline(out);
}

void Fetcher::find(std::span<const uint64_t> ordinals, Fetched& out) const {
  out.places.resize(ordinals.size());
  for (size_t i = 0; i < ordinals.size(); ++i) out.places[i] = index_->find(ordinals[i]);
}

void Fetcher::explain(std::span<const uint64_t> ordinals, Fetched& out) const {
  out.failures.clear();
  for (const Frames::Flawed& flawed : out.flawed) {
    out.failures.push_back({flawed.record, error(ordinals[flawed.record], flawed, out)});
  }
}

Error Fetcher::error(uint64_t ordinal, const Frames::Flawed& flawed, const Frames& of) const {
  if (flawed.trouble) return *flawed.trouble;
  const FramePlace& at = of.places[flawed.record];
  const std::string& path = reader_.path(at.file);
  const int64_t number = ordinal_in_file(ordinal);
  const auto offset = static_cast<int64_t>(at.offset);
  if (flawed.flaw == Frames::Flaw::kData) {
    return checksum_error(path, number, offset, of.records[flawed.record]);
  }
  const std::string what =
      flawed.flaw == Frames::Flaw::kTorn
          ? "expected a record, found the end of the file"
          : "expected a record of " + std::to_string(at.size) + " bytes, found another header";
  return Error(
      Fault::kDataLoss,
      place(path, number, offset, what + ": the file is not as it was when it was indexed"), path,
      number, offset);
}

}  // namespace headrace
