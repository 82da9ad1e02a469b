// Functions on serialized Examples and SequenceExamples.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "bindings/bindings.h"
#include "bindings/buffers.h"
#include "bindings/columns.h"
#include "bindings/vectors.h"
#include "parse.h"

namespace headrace {

namespace py = pybind11;

namespace {

// Of a list of bytes-likes, or of (data, offsets), which must be those of a BytesArray.
std::vector<ByteView> views(const py::object& serialized, Buffers& buffers) {
  std::vector<ByteView> records;
  if (py::isinstance<py::list>(serialized)) {
    for (const py::handle record : serialized) records.push_back(buffers.view(record));
    return records;
  }
  const auto arrays = serialized.cast<py::tuple>();
  const uint8_t* const data = buffers.view(arrays[0]).data;
  const ByteView offsets = buffers.view(arrays[1]);
  const auto* const begins = reinterpret_cast<const int64_t*>(offsets.data);
  records.resize(offsets.size / sizeof(int64_t) - 1);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i] = {data + begins[i], static_cast<size_t>(begins[i + 1] - begins[i])};
  }
  return records;
}

[[noreturn]] void raise(const ParseError& error, size_t row) {
  std::string text = error.text;
  if (!error.detail.empty()) text += "\n" + error.detail;
  const bool known = row != ParseError::kNoRow;
  throw Error(Fault::kParse, text, "", known ? static_cast<int64_t>(row) : Error::kUnknown);
}

py::tuple parse_examples(const py::object& serialized, const std::shared_ptr<Schema>& schema,
                         bool single, const std::vector<std::string>& names) {
  Buffers buffers;
  const std::vector<ByteView> records = views(serialized, buffers);
  std::optional<ParseFailure> failure;
  std::unique_ptr<Batch> batch;
  {
    const py::gil_scoped_release release;
    batch = parse(records, names, schema, single ? ParseMode::kSingle : ParseMode::kBatch, failure);
  }
  if (failure) raise(failure->error, failure->row);
  return to_columns(*batch);
}

py::tuple parse_sequence_examples(const py::object& serialized,
                                  const std::shared_ptr<Schema>& context,
                                  const std::shared_ptr<Schema>& lists,
                                  const std::vector<std::string>& names) {
  Buffers buffers;
  const std::vector<ByteView> records = views(serialized, buffers);
  const std::vector<std::string_view> name_views(names.begin(), names.end());
  const SequenceSchema schema{context, lists};
  SequenceArrays arrays;
  ParseError error;
  bool good;
  {
    const py::gil_scoped_release release;
    good = parse_sequences(records, name_views, schema, arrays, error);
  }
  if (!good) raise(error, error.row);
  return to_parts(arrays, schema);
}

// With std::sort as TensorFlow does, since it shows where places are equal.
py::array sort_places(const py::array_t<int64_t, py::array::c_style>& places) {
  const auto rows = static_cast<size_t>(places.shape(0));
  const auto rank = static_cast<size_t>(places.shape(1));
  const int64_t* const data = places.data();
  std::vector<int64_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    const int64_t* const a = data + static_cast<size_t>(i) * rank;
    const int64_t* const b = data + static_cast<size_t>(j) * rank;
    return std::lexicographical_compare(a, a + rank, b, b + rank);
  });
  return array_of(std::move(order));
}

}  // namespace

void register_parsing(py::module_& m) {
  m.def("parse_examples", &parse_examples, py::arg("serialized"), py::arg("schema"),
        py::arg("single"), py::arg("names"));
  m.def("parse_sequence_examples", &parse_sequence_examples, py::arg("serialized"),
        py::arg("context"), py::arg("lists"), py::arg("names"));
  m.def("sort_places", &sort_places, py::arg("places"));
}

}  // namespace headrace
