// Functions on serialized Examples.
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/buffers.h"
#include "parse.h"

namespace headrace {

namespace py = pybind11;

namespace {

py::tuple parse_examples(const py::list& serialized, const std::shared_ptr<Schema>& schema,
                         bool single, const std::vector<std::string>& names) {
  Buffers buffers;
  std::vector<ByteView> records;
  for (const py::handle record : serialized) records.push_back(buffers.view(record));
  std::optional<ParseFailure> failure;
  std::unique_ptr<Batch> batch;
  {
    const py::gil_scoped_release release;
    batch = parse(records, names, schema, single ? ParseMode::kSingle : ParseMode::kBatch, failure);
  }
  if (failure) {
    std::string text = failure->error.text;
    if (!failure->error.detail.empty()) text += "\n" + failure->error.detail;
    throw Error(Fault::kParse, text, "", static_cast<int64_t>(failure->row));
  }
  return to_arrays(*batch);
}

}  // namespace

void register_parsing(py::module_& m) {
  m.def("parse_examples", &parse_examples, py::arg("serialized"), py::arg("schema"),
        py::arg("single"), py::arg("names"));
}

}  // namespace headrace
