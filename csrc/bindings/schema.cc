#include "schema.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings/bindings.h"

namespace headrace {

namespace py = pybind11;

namespace {

Type type_of(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Type::kBytes); ++i) {
    if (name == name_of(static_cast<Type>(i))) return static_cast<Type>(i);
  }
  throw std::invalid_argument("unknown type: " + name);
}

template <class T>
T choose(const std::string& name, std::initializer_list<std::pair<const char*, T>> choices) {
  for (const auto& [word, value] : choices) {
    if (name == word) return value;
  }
  throw std::invalid_argument("unknown name: " + name);
}

Column column_of(const py::tuple& row) {
  Column column;
  column.key = row[0].cast<std::string>();
  column.kind =
      choose<Kind>(row[1].cast<std::string>(),
                   {{"int64", Kind::kInt64}, {"float", Kind::kFloat}, {"bytes", Kind::kBytes}});
  const auto layout = row[2].cast<std::string>();
  column.layout = choose<Layout>(layout, {{"fixed", Layout::kFixed},
                                          {"sequence", Layout::kSequence},
                                          {"ragged", Layout::kRagged},
                                          {"sparse", Layout::kRagged},
                                          {"raw", Layout::kRaw}});
  column.sparse = layout == "sparse";
  column.type = type_of(row[3].cast<std::string>());
  column.shape = row[4].cast<std::vector<int64_t>>();
  column.elements = 1;
  for (const int64_t size : column.shape) {
    if (size < 0 ||
        __builtin_mul_overflow(column.elements, static_cast<uint64_t>(size), &column.elements)) {
      throw std::invalid_argument("impossible shape");
    }
  }
  column.big_endian = row[5].cast<bool>();
  column.splits = type_of(row[7].cast<std::string>());
  const py::object fallback = row[6];
  if (!fallback.is_none() && column.type == Type::kBytes) {
    column.default_strings = fallback.cast<std::vector<std::string>>();
  } else if (!fallback.is_none()) {
    const auto bytes =
        py::reinterpret_steal<py::bytes>(PyObject_CallMethod(fallback.ptr(), "tobytes", nullptr));
    if (!bytes) throw py::error_already_set();
    const auto view = bytes.cast<std::string_view>();
    column.default_numbers.emplace(view.begin(), view.end());
  }
  const size_t values = column.layout == Layout::kSequence ? 1 : column.elements;
  if ((column.default_numbers && column.default_numbers->size() != values * size_of(column.type)) ||
      (column.default_strings && column.default_strings->size() != values)) {
    throw std::invalid_argument("the default does not have the shape's number of values");
  }
  return column;
}

}  // namespace

void register_schema(py::module_& m) {
  py::class_<Schema, std::shared_ptr<Schema>>(m, "Schema")
      .def(py::init([](const py::list& rows) {
             std::vector<Column> columns;
             for (const py::handle row : rows) columns.push_back(column_of(row.cast<py::tuple>()));
             return std::make_shared<Schema>(std::move(columns));
           }),
           py::arg("columns"));
}

}  // namespace headrace
