# cmake -DSOURCE=file -DCOMMAND=compiler;flags... -P check.cmake
#
# Compiled with -DVLMT_FIXED=0, the source must fail with the error of its line `// expect: ...`; with -DVLMT_FIXED=1
# it must compile.
file(READ "${SOURCE}" text)
if(NOT "${text}" MATCHES "// expect: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE} needs a line `// expect: error`")
endif()
set(sentence "${CMAKE_MATCH_1}")

set(compile ${COMMAND} -fsyntax-only)
execute_process(COMMAND ${compile} -DVLMT_FIXED=1 "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "Does not compile with VLMT_FIXED=1:\n${output}")
endif()
execute_process(COMMAND ${compile} -DVLMT_FIXED=0 "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "Compiles with VLMT_FIXED=0, but must not.")
endif()
string(FIND "${output}" "${sentence}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "Expected the error `${sentence}`, found:\n${output}")
endif()
