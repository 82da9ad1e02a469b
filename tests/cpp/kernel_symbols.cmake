# Fails if a kernel body's object file, one of OBJECTS, defines a weak or unique symbol.
list(FILTER OBJECTS INCLUDE REGEX "kernels/(x86_|arm64)")
if(NOT OBJECTS)
  message(FATAL_ERROR "no kernel bodies among the objects")
endif()
foreach(object ${OBJECTS})
  execute_process(COMMAND ${NM} --defined-only ${object} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  if(symbols MATCHES "[^\n]* [uVvWw] [^\n]*")
    message(FATAL_ERROR "${object}: ${CMAKE_MATCH_0}")
  endif()
endforeach()
