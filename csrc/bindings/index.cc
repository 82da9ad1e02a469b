// Indexes: built, read and written without the GIL.
#include "index.h"

#include <pybind11/stl.h>

#include <optional>

#include "bindings/bindings.h"
#include "bindings/policy.h"
#include "index_build.h"
#include "index_file.h"

namespace headrace {

namespace py = pybind11;

namespace {

// pybind11 holds no const objects; nothing that is bound here changes one.
std::shared_ptr<Index> held(std::shared_ptr<const Index> index) {
  return std::const_pointer_cast<Index>(std::move(index));
}

std::shared_ptr<Index> build(std::vector<std::string> files, const std::string& on_corruption,
                             int threads) {
  const IndexJob job{std::move(files), policy_of(on_corruption), threads};
  std::shared_ptr<const Index> index;
  {
    const py::gil_scoped_release release;
    index = build_index(job, [] {
      const py::gil_scoped_acquire acquire;
      return PyErr_CheckSignals() == 0;
    });
  }
  if (!index) throw py::error_already_set();
  return held(std::move(index));
}

py::bytes bytes_of(const std::string& text) { return py::bytes(text); }

py::list files_of(const Index& index) {
  py::list files;
  for (const IndexedFile& file : index.files()) {
    files.append(py::make_tuple(bytes_of(file.path), file.size, file.mtime_ns));
  }
  return files;
}

uint64_t count_of(const Index& index, std::optional<size_t> file) {
  if (!file) return index.count();
  if (*file >= index.files().size()) throw py::index_error("there is no such file");
  return index.count(*file);
}

py::tuple find(const Index& index, uint64_t ordinal) {
  if (ordinal >= index.count()) throw py::index_error("there is no such record");
  const Index::Place place = index.find(ordinal);
  return py::make_tuple(place.file, place.offset, place.size);
}

}  // namespace

void register_index(py::module_& m) {
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<Index, std::shared_ptr<Index>>(m, "Index")
      .def(py::init(&build), py::arg("files"), py::arg("on_corruption"), py::arg("threads"))
      .def_static(
          "read", [](const std::string& path) { return held(read_index(path)); }, py::arg("path"),
          unlocked)
      .def(
          "write", [](const Index& self, const std::string& path) { write_index(self, path); },
          py::arg("path"), unlocked)
      .def(
          "difference",
          [](const Index& self, const std::vector<std::string>& files) {
            std::string text;
            {
              const py::gil_scoped_release release;
              text = self.difference(files);
            }
            return bytes_of(text);
          },
          py::arg("files"))
      .def("count", &count_of, py::arg("file") = py::none())
      .def("find", &find, py::arg("ordinal"))
      .def("files", &files_of)
      .def("on_corruption", [](const Index& self) { return name_of(self.policy()); })
      .def("damage",
           [](const Index& self) {
             const Damage& damage = self.damage();
             return py::make_tuple(damage.places, damage.bytes, damage.files);
           })
      .def("memory", &Index::memory);
}

}  // namespace headrace
