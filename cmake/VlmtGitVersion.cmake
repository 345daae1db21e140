# cmake -DSOURCE=DIR -DOUTPUT=FILE -P VlmtGitVersion.cmake: writes a header with the commit of the source tree, "" outside
# of a git repository. The file changes only when the commit does.
set(commit "")
find_package(Git QUIET)
if(GIT_FOUND)
  # Not the commit of a repository that merely contains the sources.
  execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${SOURCE}" rev-parse --show-prefix OUTPUT_VARIABLE prefix
                  RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed AND prefix STREQUAL "")
    execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${SOURCE}" describe --always --tags OUTPUT_VARIABLE commit
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define VLMT_COMMIT \"${commit}\"\n")
