// Functions on serialized Examples and SequenceExamples.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/buffers.h"
#include "bindings/columns.h"
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

// The values as an array that owns them.
template <class T>
py::array array_of(std::vector<T>&& values) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  const auto size = static_cast<py::ssize_t>(owner->size());
  const T* const data = owner->data();
  const py::capsule capsule(owner.get(),
                            [](void* self) { delete static_cast<std::vector<T>*>(self); });
  owner.release();
  return py::array_t<T>(size, data, capsule);
}

// (values, splits of the values, splits of the rows, or rows) of each column; the values of strings
// are (data, offsets).
py::list parts_of(std::vector<SequenceArray>& columns, const Schema& schema) {
  const auto array = [](Buffer& buffer, Type type, size_t n) {
    const void* const data = buffer.data();
    const int64_t shape[] = {static_cast<int64_t>(n)};
    return array_over(owner_of(std::move(buffer)), data, type, shape);
  };
  py::list parts;
  for (size_t i = 0; i < columns.size(); ++i) {
    SequenceArray& column = columns[i];
    const Kind kind = schema.columns()[i].kind;
    py::object values;
    if (kind == Kind::kBytes) {
      const auto* const offsets = reinterpret_cast<const int64_t*>(column.offsets.data());
      const auto size = static_cast<size_t>(offsets[column.count]);
      values = py::make_tuple(array(column.values, Type::kUInt8, size),
                              array(column.offsets, Type::kInt64, column.count + 1));
    } else {
      const Type type = kind == Kind::kInt64 ? Type::kInt64 : Type::kFloat32;
      values = array(column.values, type, column.count);
    }
    const bool dense = column.row_splits.empty();
    parts.append(py::make_tuple(values, array_of(std::move(column.value_splits)),
                                array_of(std::move(dense ? column.rows : column.row_splits))));
  }
  return parts;
}

py::tuple parse_sequence_examples(const py::object& serialized,
                                  const std::shared_ptr<Schema>& context,
                                  const std::shared_ptr<Schema>& lists,
                                  const std::vector<std::string>& names) {
  Buffers buffers;
  const std::vector<ByteView> records = views(serialized, buffers);
  const std::vector<std::string_view> name_views(names.begin(), names.end());
  SequenceArrays arrays;
  ParseError error;
  bool good;
  {
    const py::gil_scoped_release release;
    good = parse_sequences(records, name_views, {*context, *lists}, arrays, error);
  }
  if (!good) raise(error, error.row);
  return py::make_tuple(parts_of(arrays.context, *context), parts_of(arrays.lists, *lists));
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
