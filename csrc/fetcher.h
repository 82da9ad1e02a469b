// Fetcher: records by their ordinals, wherever they stand.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "error.h"
#include "frame_reader.h"
#include "index.h"

namespace headrace {

// Of one thread, reused; `records` in the order asked for.
struct Fetched : Frames {
  struct Failure {
    size_t record;  // into `records`
    Error error;
  };
  std::vector<Failure> failures;  // those that could not be had, in rising order
};

// Any thread.
class Fetcher {
 public:
  // Files that have at most so many bytes together may be mapped, if it pays.
  Fetcher(std::vector<std::string> files, std::shared_ptr<const Index> index, bool verify,
          uint64_t most_mapped = 0);

  const Index& index() const { return *index_; }
  const std::string& path(uint32_t file) const { return reader_.path(file); }

  // The records with these ordinals, as FrameReader reads, gathers or outlines them.
  void fetch(std::span<const uint64_t> ordinals, Fetched& out);
  void gather(std::span<const uint64_t> ordinals, Fetched& out);
  bool outline(std::span<const uint64_t> ordinals, Fetched& out);
  bool maps() const { return reader_.maps(); }
  void try_again() { reader_.try_again(); }

  // Of a record that was fetched.
  int64_t ordinal_in_file(uint64_t ordinal) const;

 private:
  void find(std::span<const uint64_t> ordinals, Fetched& out) const;
  void explain(std::span<const uint64_t> ordinals, Fetched& out) const;
  Error error(uint64_t ordinal, const Frames::Flawed& flawed, const Frames& of) const;

  const std::shared_ptr<const Index> index_;
  FrameReader reader_;
};

}  // namespace headrace
