// Table of contents of headrace._core.
#include "bindings/arrays.h"
#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "C++ core of headrace. Private: use the headrace package.";
  m.attr("__version__") = HEADRACE_VERSION;
  headrace::import_numpy();
  headrace::register_build_info(m);
  headrace::register_errors(m);
  headrace::register_schema(m);
  headrace::register_index(m);
  headrace::register_loader(m);
  headrace::register_locked_pages(m);
  headrace::register_parsing(m);
  headrace::register_shuffle(m);
  headrace::register_stage_iterator(m);
  headrace::register_writer(m);
}
