#include "index.h"

#include <cassert>
#include <filesystem>
#include <limits>
#include <stdexcept>

#include "source.h"

namespace headrace {

Index::Index(std::vector<IndexedFile> files, std::vector<Extents> extents, OnCorruption policy,
             const Damage& damage)
    : files_(std::move(files)), extents_(std::move(extents)), policy_(policy), damage_(damage) {
  if (files_.size() != extents_.size() || files_.size() > std::numeric_limits<uint32_t>::max()) {
    throw std::invalid_argument("the parts of an index do not fit together");
  }
  starts_.reserve(files_.size() + 1);
  starts_.push_back(0);
  for (const Extents& file : extents_) starts_.push_back(starts_.back() + file.count());
}

Index::Place Index::find(uint64_t ordinal) const {
  assert(ordinal < count());
  // Of files that start at one place only the last is not empty.
  const size_t file = last_not_above(starts_, ordinal);
  const Extent extent = extents_[file][ordinal - starts_[file]];
  return {static_cast<uint32_t>(file), extent.offset, extent.size};
}

size_t Index::memory() const {
  size_t total = sizeof *this + starts_.capacity() * sizeof(uint64_t);
  for (const IndexedFile& file : files_) total += sizeof file + file.path.capacity();
  for (const Extents& extents : extents_) total += sizeof extents + extents.memory();
  return total;
}

std::string Index::difference(const std::vector<std::string>& paths) const {
  if (paths.size() != files_.size()) {
    return "it is of " + std::to_string(files_.size()) + " files, not of " +
           std::to_string(paths.size());
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    const IndexedFile& was = files_[i];
    if (was.path != absolute_path(paths[i])) {
      return "file " + std::to_string(i) + " was " + was.path + " and is now " + paths[i];
    }
    const FileStatus now = check_local(paths[i]);
    if (now.size != was.size) {
      return paths[i] + " had " + std::to_string(was.size) + " bytes and has now " +
             std::to_string(now.size);
    }
    if (now.mtime_ns != was.mtime_ns) return paths[i] + " has been modified since";
  }
  return {};
}

std::string absolute_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace headrace
