// The border to Python: one register function per subject, called by module.cc.
#pragma once

#include <pybind11/pybind11.h>

namespace headrace {

void register_build_info(pybind11::module_& m);
void register_errors(pybind11::module_& m);
void register_index(pybind11::module_& m);
void register_loader(pybind11::module_& m);
void register_locked_pages(pybind11::module_& m);
void register_parsing(pybind11::module_& m);
void register_schema(pybind11::module_& m);
void register_shuffle(pybind11::module_& m);
void register_stage_iterator(pybind11::module_& m);
void register_writer(pybind11::module_& m);

}  // namespace headrace
