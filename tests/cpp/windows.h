// Jobs with a window over numbered Examples, and all that they give.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "files.h"
#include "loader.h"
#include "numbered.h"

namespace headrace::testing {

using Rows = std::vector<std::string>;

// Numbers from 0 on, in three files, one of which is empty.
inline std::vector<std::string> three_files(const Folder& folder, int64_t first, int64_t records) {
  return {folder.write("a", numbered_examples(range(0, first))), folder.write("b", Records{}),
          folder.write("c", numbered_examples(range(first, records)))};
}

inline LoaderJob window_of(std::vector<std::string> files, std::shared_ptr<const Schema> schema,
                           size_t batch_size, int64_t window) {
  LoaderJob job;
  job.files = std::move(files);
  job.schema = std::move(schema);
  job.batch_size = batch_size;
  Verb shuffle{Verb::kShuffle, window};
  shuffle.seeds = {3, 4, true};
  job.verbs = {shuffle};
  job.options.threads = 2;
  job.options.block_size = 4096;
  return job;
}

struct Reading {
  std::vector<Rows> batches;
  std::vector<Position> ends;  // behind each batch
  std::optional<Error> error;
  uint64_t bytes_read = 0;

  Rows rows() const {
    Rows all;
    for (const Rows& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
    return all;
  }
};

inline void read(Loader& loader, Reading& reading, Rows (*rows)(Batch&)) {
  try {
    for (;;) {
      const Loader::Delivery delivery = loader.next(std::chrono::seconds(60));
      if (delivery.outcome == Outbox::Outcome::kEnd) break;
      REQUIRE(delivery.outcome == Outbox::Outcome::kBatch);
      reading.batches.push_back(rows(*delivery.batch));
      reading.ends.push_back(loader.position());
    }
  } catch (const Error& error) {
    reading.error = error;
  }
  reading.bytes_read = loader.stats().bytes_read;
}

inline Reading read(const LoaderJob& job, Rows (*rows)(Batch&)) {
  Loader loader(job);
  Reading reading;
  read(loader, reading, rows);
  return reading;
}

// Behind its batch k, a stream goes on with the rest of the whole.
inline void check_goes_on(const LoaderJob& job, const Reading& whole, size_t k,
                          Rows (*rows)(Batch&)) {
  Loader loader(job);
  loader.start_at(whole.ends[k]);
  Reading rest;
  read(loader, rest, rows);
  CHECK(!rest.error);
  const auto begin = whole.batches.begin() + static_cast<ptrdiff_t>(k) + 1;
  CHECK(rest.batches == std::vector<Rows>(begin, whole.batches.end()));
}

}  // namespace headrace::testing
