// Page-locked memory, as Python asks for it.
#include "locked_pages.h"

#include "bindings/arrays.h"
#include "bindings/bindings.h"

namespace headrace {

namespace py = pybind11;

void register_locked_pages(py::module_& m) {
  m.def("page_locked_memory", [] {
    std::string driver, missing;
    LockedPages::Stats stats;
    {
      const py::gil_scoped_release release;
      driver = CudaDriver::of_process().missing();
      missing = LockedPages::of_process().missing();
      stats = LockedPages::of_process().stats();
    }
    py::dict result;
    result["driver_missing"] = driver;
    result["missing"] = missing;
    result["registered"] = stats.registered;
    result["free"] = stats.free;
    result["waiting"] = stats.waiting;
    result["registrations"] = stats.registrations;
    return result;
  });
  m.def(
      "buffer_address",
      [](py::handle array) -> py::object {
        const Buffer* const buffer = buffer_of(array);
        if (buffer == nullptr) return py::none();
        return py::int_(reinterpret_cast<uintptr_t>(buffer->data()));
      },
      py::arg("array"));
  m.def(
      "mark_copies", [] { LockedPages::of_process().mark(); },
      py::call_guard<py::gil_scoped_release>());
  m.def(
      "copies_done",
      [](const py::list& arrays) {
        for (const py::handle array : arrays) {
          if (Buffer* const buffer = buffer_of(array)) buffer->lend(false);
        }
      },
      py::arg("arrays"));
}

}  // namespace headrace
