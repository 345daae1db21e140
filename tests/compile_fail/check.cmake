# cmake -DSOURCE=file -DCOMMAND=compiler;flags... -P check.cmake
#
# The source must fail to compile with the sentence of its line `// expect: ...`, and its twin, compiled with
# -DVLMT_MENDED=1, must compile.
file(READ "${SOURCE}" text)
if(NOT "${text}" MATCHES "// expect: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE} needs a line `// expect: sentence`")
endif()
set(sentence "${CMAKE_MATCH_1}")

set(compile ${COMMAND} -fsyntax-only)
execute_process(COMMAND ${compile} -DVLMT_MENDED=1 "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "The mended twin does not compile:\n${output}")
endif()
execute_process(COMMAND ${compile} -DVLMT_MENDED=0 "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "This compiles, and should not.")
endif()
string(FIND "${output}" "${sentence}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "The compiler does not say `${sentence}`, but:\n${output}")
endif()
