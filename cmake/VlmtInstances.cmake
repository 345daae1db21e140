# vlmt_add_instances(name [KERNELS_ONLY] [MARCH arch] [FLAGS targets...]): a library of the instances that most programs
# need, each compiled once, with the given -march and with the compile options of the FLAGS targets. KERNELS_ONLY leaves
# the models out, and with them all libraries but those of vlmt::kernel.
#
# Headers declare these instances `extern template` where VLMT_EXTERN_INSTANCES is 1, and long functions without their
# bodies where VLMT_EXTERN_BODIES is 1; the library passes both on to whoever links it. A program and its instances must be compiled with the same -march and the same vlmt switches; the
# configuration is a part of every symbol (base/config.hpp), so that a mismatch is an error of the linker, not a bug.

# In the sources beside this folder, in an installed package inside it.
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
  # Some of these define bodies of headers that others only declare.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_link_libraries(${name} PUBLIC ${component} PRIVATE ${ARG_FLAGS})
  target_compile_definitions(${name} PUBLIC ${switches})
  if(ARG_MARCH)
    target_compile_options(${name} PRIVATE -march=${ARG_MARCH})
  endif()
endfunction()
