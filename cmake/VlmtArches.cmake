# vlmt_add_arches(name SOURCES files... ARCHES arches... [LIBRARIES targets...] [INSTANCES])
#
# One program for many processors. Compiles the sources once per arch (values of -march, weakest first: x86-64-v2
# x86-64-v3 x86-64-v4), each into a separate program. `name` becomes a small launcher that starts the last one that this
# processor can run. If there is none, it prints one line with a missing feature and exits with 1. INSTANCES adds the
# instances of vlmt_add_instances, compiled for each arch.
#
# Separate programs rather than libraries, because code of one arch must never run on another: of an inline function of
# the standard library that two objects share, the linker keeps one copy, and constructors of globals run before the
# launcher could choose. The launcher is compiled for baseline x86-64 and calls only the C library.
#
# The programs are in ../libexec/vlmt of the launcher, in the build tree and installed. The environment variable
# VLMT_ARCH=arch chooses one by name.

# Features that the compiler may emit for an arch: its predefined macro and the name for __builtin_cpu_supports.
set(VLMT_X86_FEATURES
    SSE3:sse3 SSSE3:ssse3 SSE4_1:sse4.1 SSE4_2:sse4.2 POPCNT:popcnt SSE4A:sse4a AVX:avx F16C:f16c FMA:fma AVX2:avx2
    BMI:bmi BMI2:bmi2 LZCNT:lzcnt MOVBE:movbe ADX:adx AES:aes PCLMUL:pclmul RDRND:rdrnd RDSEED:rdseed SHA:sha GFNI:gfni
    VAES:vaes VPCLMULQDQ:vpclmulqdq AVXVNNI:avxvnni AVX512F:avx512f AVX512BW:avx512bw AVX512CD:avx512cd
    AVX512DQ:avx512dq AVX512VL:avx512vl AVX512IFMA:avx512ifma AVX512VBMI:avx512vbmi AVX512VBMI2:avx512vbmi2
    AVX512VNNI:avx512vnni AVX512BITALG:avx512bitalg AVX512VPOPCNTDQ:avx512vpopcntdq AVX512BF16:avx512bf16
    AVX512FP16:avx512fp16 XOP:xop FMA4:fma4)
set(VLMT_LAUNCHER_TEMPLATE "${CMAKE_CURRENT_LIST_DIR}/launcher.cpp.in")

function(vlmt_add_arches name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "INSTANCES" "" "SOURCES;ARCHES;LIBRARIES")
  if(NOT ARG_SOURCES OR NOT ARG_ARCHES)
    message(FATAL_ERROR "vlmt_add_arches(${name}): SOURCES and ARCHES must not be empty")
  endif()
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    message(FATAL_ERROR "vlmt_add_arches(${name}): x86-64 only; elsewhere build one program with the -march you need")
  endif()
  include(GNUInstallDirs)
  set(bin "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(NOT bin)
    set(bin "${CMAKE_CURRENT_BINARY_DIR}/bin")
  endif()
  get_filename_component(libexec "${bin}/../libexec/vlmt" ABSOLUTE)

  set(VLMT_LAUNCHER_BUILDS "")
  foreach(arch IN LISTS ARG_ARCHES)
    set(program ${name}.${arch})
    add_executable(${program} ${ARG_SOURCES})
    target_compile_options(${program} PRIVATE -march=${arch})
    target_compile_definitions(${program} PRIVATE VLMT_ALLOW_GENERIC=1)
    if(ARG_INSTANCES)
      if(NOT TARGET vlmt_instances.${arch})
        vlmt_add_instances(vlmt_instances.${arch} MARCH ${arch})
      endif()
      target_link_libraries(${program} PRIVATE vlmt_instances.${arch})
    endif()
    target_link_libraries(${program} PRIVATE ${ARG_LIBRARIES})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${libexec}")

    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=${arch} -x c++ -dM -E /dev/null
                    OUTPUT_VARIABLE macros ERROR_VARIABLE problem RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "vlmt_add_arches(${name}): ${CMAKE_CXX_COMPILER} does not know -march=${arch}\n${problem}")
    endif()
    set(needs "")
    foreach(feature IN LISTS VLMT_X86_FEATURES)
      string(REPLACE ":" ";" feature "${feature}")
      list(GET feature 0 macro)
      list(GET feature 1 name_of_cpu)
      if(macros MATCHES "#define __${macro}__ 1\n")
        string(APPEND needs " VLMT_NEEDS(\"${name_of_cpu}\")")
      endif()
    endforeach()
    # The launcher tries the best arch first.
    string(PREPEND VLMT_LAUNCHER_BUILDS "  {\"${arch}\", []() -> const char* {${needs} return 0; }},\n")
  endforeach()

  set(VLMT_LAUNCHER_NAME ${name})
  configure_file("${VLMT_LAUNCHER_TEMPLATE}" ${name}.launcher.cpp @ONLY)
  add_executable(${name} "${CMAKE_CURRENT_BINARY_DIR}/${name}.launcher.cpp")
  target_compile_options(${name} PRIVATE -march=x86-64)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${bin}")
  list(TRANSFORM ARG_ARCHES PREPEND "${name}." OUTPUT_VARIABLE programs)
  add_dependencies(${name} ${programs})
  set_target_properties(${name} PROPERTIES VLMT_ARCH_PROGRAMS "${programs}")
endfunction()

# vlmt_install_arches(name): installs the launcher and its programs.
function(vlmt_install_arches name)
  include(GNUInstallDirs)
  get_target_property(programs ${name} VLMT_ARCH_PROGRAMS)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}/../libexec/vlmt)
endfunction()
