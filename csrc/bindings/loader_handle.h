// LoaderHandle: a loader as Python holds it.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <optional>

#include "bindings/columns.h"
#include "loader.h"

namespace headrace {

// Its end does not hold the GIL, and a forked child leaves it alone: the threads of the parent are
// not there to be joined.
class LoaderHandle {
 public:
  // Batches are dicts with these keys; without them, tuples.
  LoaderHandle(LoaderJob job, std::optional<Keys> keys);
  LoaderHandle(const LoaderHandle&) = delete;
  LoaderHandle& operator=(const LoaderHandle&) = delete;
  ~LoaderHandle();

  // Throws std::runtime_error in a forked child.
  Loader& get();

  // The columns of the next batch. Throws its error, pybind11::stop_iteration, and what a signal's
  // handler raises; an interrupt loses no batch.
  pybind11::object next();
  // The same if a batch is there that has no error, and else none: next() has more to say then.
  pybind11::object next_whole();

 private:
  pybind11::object hand_out(std::unique_ptr<Batch> batch);

  std::unique_ptr<Loader> loader_;
  const unsigned process_;
  std::optional<Keys> keys_;
};

}  // namespace headrace
