#include "bindings/loader_handle.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace headrace {
namespace {

namespace py = pybind11;
using namespace std::chrono_literals;

// How many forks lie between the first process and this one: asked for every batch, for which
// getpid() takes too long.
std::atomic<unsigned> forks{0};
[[maybe_unused]] const int counts_forks = pthread_atfork(nullptr, nullptr, [] { ++forks; });

void check_signals() {
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace

LoaderHandle::LoaderHandle(LoaderJob job, std::optional<Keys> keys)
    : loader_(new Loader(std::move(job))), process_(forks), keys_(std::move(keys)) {}

LoaderHandle::~LoaderHandle() {
  if (process_ != forks) {
    loader_.release();
    return;
  }
  const py::gil_scoped_release release;
  loader_.reset();
}

Loader& LoaderHandle::get() {
  if (process_ != forks) {
    throw std::runtime_error(
        "this iterator belongs to the parent process, whose threads a forked child does not have: "
        "call iter() on the dataset again");
  }
  return *loader_;
}

py::object LoaderHandle::next() {
  Loader& loader = get();
  for (;;) {
    bool ready = loader.ready();
    if (!ready) {
      const py::gil_scoped_release release;
      ready = loader.wait(100ms);
    }
    check_signals();
    if (!ready) continue;
    Loader::Delivery delivery = loader.next(0ms);
    if (delivery.outcome == Outbox::Outcome::kBatch) return hand_out(std::move(delivery.batch));
    if (delivery.outcome == Outbox::Outcome::kEnd) throw py::stop_iteration();
  }
}

py::object LoaderHandle::next_whole() {
  Loader& loader = get();
  check_signals();
  std::unique_ptr<Batch> batch = loader.next_whole();
  return batch ? hand_out(std::move(batch)) : py::object();
}

py::object LoaderHandle::hand_out(std::unique_ptr<Batch> batch) {
  SequenceArrays* const sequences = batch->sequences();
  py::object columns = sequences ? to_parts(*sequences, *batch->layout().sequences())
                       : keys_   ? py::object(keys_->to_dict(*batch))
                                 : to_columns(*batch);
  loader_->recycle(std::move(batch));
  return columns;
}

}  // namespace headrace
