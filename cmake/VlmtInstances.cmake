# vlmt_add_instances(name [KERNELS_ONLY] [MARCH arch] [FLAGS targets...]): a static library of the template instances
# that most programs need, each compiled once, with the given -march and the compile options of the FLAGS targets.
# KERNELS_ONLY leaves out the models, and with them all dependencies but those of vlmt::kernel.
#
# Where VLMT_EXTERN_INSTANCES is 1, headers declare these instances `extern template`; where VLMT_EXTERN_BODIES is 1,
# they only declare long functions. Targets that link the library inherit both. A program and its instances must be
# compiled with the same -march and the same vlmt switches. The configuration is part of every symbol (base/config.hpp),
# so a mismatch is a link error.

# In the source tree the instances are in ../src/instances, in an installed package beside this file.
if(IS_DIRECTORY "${CMAKE_CURRENT_LIST_DIR}/instances")
  set(VLMT_INSTANCES_DIR "${CMAKE_CURRENT_LIST_DIR}/instances")
else()
  get_filename_component(VLMT_INSTANCES_DIR "${CMAKE_CURRENT_LIST_DIR}/../src/instances" ABSOLUTE)
endif()

function(vlmt_add_instances name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "KERNELS_ONLY" "MARCH" "FLAGS")
  if(ARG_KERNELS_ONLY)
    set(component vlmt::kernel)
    set(switches VLMT_EXTERN_INSTANCES=1)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${VLMT_INSTANCES_DIR}/kernel/*.cpp")
  else()
    set(component vlmt::all)
    set(switches VLMT_EXTERN_INSTANCES=1 VLMT_EXTERN_BODIES=1)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${VLMT_INSTANCES_DIR}/*.cpp")
  endif()
  add_library(${name} STATIC ${sources})
  # Some sources define the bodies that others only declare.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_link_libraries(${name} PUBLIC ${component} PRIVATE ${ARG_FLAGS})
  target_compile_definitions(${name} PUBLIC ${switches})
  if(ARG_MARCH)
    target_compile_options(${name} PRIVATE -march=${ARG_MARCH})
    target_compile_definitions(${name} PUBLIC VLMT_ALLOW_GENERIC=1)
  endif()
endfunction()
