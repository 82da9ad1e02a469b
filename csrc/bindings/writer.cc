#include "writer.h"

#include <pybind11/numpy.h>

#include <string>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/buffers.h"
#include "kernels/kernels.h"

namespace headrace {
namespace {

namespace py = pybind11;

template <class T>
std::span<const T> span_of(py::handle object, const char* what) {
  using Array = py::array_t<T, py::array::c_style>;
  if (!py::isinstance<Array>(object)) {
    throw py::type_error(std::string(what) + " must be a contiguous array of the right dtype");
  }
  const auto array = py::reinterpret_borrow<Array>(object);
  return {array.data(), static_cast<size_t>(array.size())};
}

// (key, values, row_splits) as a column. Values: None, int64 array, float32 array, a list of
// bytes-likes, or a tuple (uint8 data, int64 offsets). Views of bytes values go to `views`.
FeatureColumn column_of(py::handle feature, Buffers& buffers, std::vector<ByteView>& views) {
  const auto [key, values, row_splits] =
      py::cast<std::tuple<py::bytes, py::object, py::object>>(feature);
  FeatureColumn column{.key = std::string_view(key), .values = {}, .row_splits = {}};
  if (!row_splits.is_none()) column.row_splits = span_of<int64_t>(row_splits, "row_splits");
  if (values.is_none()) return column;
  if (py::isinstance<py::list>(values)) {
    for (py::handle value : values) views.push_back(buffers.view(value));
    column.values = std::span<const ByteView>(views);
  } else if (py::isinstance<py::tuple>(values)) {
    const auto [data, offsets] = py::cast<std::tuple<py::object, py::object>>(values);
    const auto bytes = span_of<uint8_t>(data, "data");
    const auto ends = span_of<int64_t>(offsets, "offsets");
    for (size_t i = 0; i + 1 < ends.size(); ++i) {
      const auto size = static_cast<int64_t>(bytes.size());
      if (ends[i] < 0 || ends[i] > ends[i + 1] || ends[i + 1] > size) {
        throw py::value_error("offsets must rise from 0 to the number of bytes");
      }
      views.push_back({bytes.data() + ends[i], static_cast<size_t>(ends[i + 1] - ends[i])});
    }
    column.values = std::span<const ByteView>(views);
  } else if (py::isinstance<py::array_t<float>>(values)) {
    column.values = span_of<float>(values, "values");
  } else {
    column.values = span_of<int64_t>(values, "values");
  }
  return column;
}

// What a list of feature tuples says; the tuples must outlive it.
struct Columns {
  explicit Columns(const py::list& features) : views(features.size()) {
    for (size_t i = 0; i < features.size(); ++i) {
      columns.push_back(column_of(features[i], buffers, views[i]));
    }
  }
  Buffers buffers;
  std::vector<std::vector<ByteView>> views;
  std::vector<FeatureColumn> columns;
};

// A new bytes object of `size` bytes, filled by fill(uint8_t*) without the GIL.
template <class Fill>
py::bytes filled_bytes(size_t size, Fill fill) {
  PyObject* object = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
  if (object == nullptr) throw py::error_already_set();
  auto bytes = py::reinterpret_steal<py::bytes>(object);
  uint8_t* out = reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(object));
  const py::gil_scoped_release release;
  fill(out);
  return bytes;
}

py::bytes encode_example(const py::list& features) {
  const Columns input(features);
  std::vector<FeatureColumn> columns = input.columns;
  std::vector<int64_t> splits;
  splits.reserve(2 * columns.size());
  for (FeatureColumn& column : columns) {
    visit_values(column, [&](auto values) {
      splits.push_back(0);
      splits.push_back(static_cast<int64_t>(values.size()));
      column.row_splits = std::span<const int64_t>(splits).last(2);
    });
  }
  const ExampleEncoder encoder(columns, 1);
  return filled_bytes(encoder.size(0), [&](uint8_t* out) { encoder.write_example(0, out); });
}

py::bytes encode_records(const py::list& features, size_t rows) {
  const Columns input(features);
  const ExampleEncoder encoder = [&] {
    const py::gil_scoped_release release;
    return ExampleEncoder(input.columns, rows);
  }();
  return filled_bytes(encoder.framed_size(), [&](uint8_t* out) { encoder.write_records(out); });
}

py::bytes frame_records(const py::list& records) {
  Buffers buffers;
  std::vector<ByteView> views;
  size_t size = 0;
  for (py::handle record : records) {
    views.push_back(buffers.view(record));
    size += views.back().size + kFrameSize;
  }
  return filled_bytes(size, [&](uint8_t* out) {
    for (const ByteView& view : views) out = write_record(view, out);
  });
}

uint32_t crc32c(py::handle data) {
  Buffers buffers;
  const ByteView view = buffers.view(data);
  const py::gil_scoped_release release;
  return kernels().crc32c(0, view.data, view.size);
}

}  // namespace

void register_writer(py::module_& m) {
  m.def("encode_example", &encode_example, py::arg("features"));
  m.def("encode_records", &encode_records, py::arg("features"), py::arg("rows"));
  m.def("frame_records", &frame_records, py::arg("records"));
  m.def("crc32c", &crc32c, py::arg("data"));
}

}  // namespace headrace
