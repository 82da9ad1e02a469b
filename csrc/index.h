// Index: where every record of a list of files stands. Makes positions that lie ahead known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "extents.h"
#include "frame_reader.h"
#include "scan.h"

namespace headrace {

// A file as it was when its records were looked for.
struct IndexedFile {
  std::string path;  // absolute
  uint64_t size = 0;
  int64_t mtime_ns = 0;
};

// Immutable, so any thread may ask. Records have ordinals in the order of the files; what counts as
// a record is the policy's to say: under kSkip and kStopFile the good ones, whose data has been
// read and checked, under kRaise and kTf all of them, data unseen. Whoever reads a record verifies
// its header: a file that has changed may stand otherwise than the index says.
class Index {
 public:
  using Place = FramePlace;

  // Throws std::invalid_argument if there is not one of `extents` to a file.
  Index(std::vector<IndexedFile> files, std::vector<Extents> extents, OnCorruption policy,
        const Damage& damage);

  uint64_t count() const { return starts_.back(); }
  uint64_t count(size_t file) const { return starts_[file + 1] - starts_[file]; }
  uint64_t start(size_t file) const { return starts_[file]; }  // the ordinal of its first record
  Place find(uint64_t ordinal) const;                          // ordinal < count()

  const std::vector<IndexedFile>& files() const { return files_; }
  const std::vector<Extents>& extents() const { return extents_; }
  OnCorruption policy() const { return policy_; }
  const Damage& damage() const { return damage_; }  // what the policy has passed over
  size_t memory() const;                            // bytes that it takes

  // Why this is no index of these files as they are now; empty if it is one. Throws Error{kSystem}
  // for a file that cannot be looked at.
  std::string difference(const std::vector<std::string>& paths) const;

 private:
  std::vector<IndexedFile> files_;
  std::vector<Extents> extents_;
  std::vector<uint64_t> starts_;  // of each file, and the end of the last
  OnCorruption policy_;
  Damage damage_;
};

// The path by which an index knows a file.
std::string absolute_path(const std::string& path);

}  // namespace headrace
