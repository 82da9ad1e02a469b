// Table of contents of headrace._core.
#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "C++ core of headrace. Private: use the headrace package.";
  m.attr("__version__") = HEADRACE_VERSION;
  headrace::register_build_info(m);
  headrace::register_writer(m);
}
