# The components, all INTERFACE targets:
#   vlmt::kernel  tensors, formats, kernels      (xsimd, OpenMP; Eigen3 for tensor/eigen.hpp)
#   vlmt::text    tokenizers, chat templates      (PCRE2, utf8proc, nlohmann-json)
#   vlmt::media   image files                   (libjpeg, libpng, libwebp, giflib)
#   vlmt::model   models from files               (kernel, text and xxhash)
#   vlmt::all     everything
include(VlmtDependencies)
include(VlmtUse)

add_library(vlmt_headers INTERFACE)
target_include_directories(vlmt_headers INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(vlmt_headers INTERFACE cxx_std_20)

add_library(vlmt_kernel INTERFACE)
target_link_libraries(vlmt_kernel INTERFACE vlmt_headers $<TARGET_NAME_IF_EXISTS:Eigen3::Eigen> xsimd
                                            OpenMP::OpenMP_CXX Threads::Threads)

add_library(vlmt_text INTERFACE)
target_link_libraries(vlmt_text INTERFACE vlmt_headers PkgConfig::PCRE2 PkgConfig::UTF8PROC nlohmann_json::nlohmann_json)

add_library(vlmt_media INTERFACE)
target_link_libraries(vlmt_media INTERFACE vlmt_headers JPEG::JPEG PNG::PNG GIF::GIF PkgConfig::WEBP)

add_library(vlmt_model INTERFACE)
target_link_libraries(vlmt_model INTERFACE vlmt_kernel vlmt_text)

add_library(vlmt_all INTERFACE)
target_link_libraries(vlmt_all INTERFACE vlmt_model vlmt_media)

foreach(component headers kernel text media model all)
  add_library(vlmt::${component} ALIAS vlmt_${component})
  set_target_properties(vlmt_${component} PROPERTIES EXPORT_NAME ${component})
endforeach()

# As a subproject: what this project is told when it is configured.
if(NOT PROJECT_IS_TOP_LEVEL)
  if(VLMT_ALLOW_GENERIC)
    target_compile_definitions(vlmt_headers INTERFACE VLMT_ALLOW_GENERIC=1)
  endif()
  vlmt_refuse_missing("set VLMT_COMPONENTS to <component> before vlmt is added")
  vlmt_watch_targets()
endif()

# Flags of this project's programs, tests and benchmarks; never exported.
add_library(vlmt_build_flags INTERFACE)
if(VLMT_MARCH)
  target_compile_options(vlmt_build_flags INTERFACE -march=${VLMT_MARCH})
endif()
if(NOT VLMT_MARCH OR VLMT_MARCH MATCHES "^x86-64(-v2)?$")
  target_compile_definitions(vlmt_build_flags INTERFACE VLMT_ALLOW_GENERIC=1)
endif()
if(VLMT_WARNINGS)
  target_compile_options(vlmt_build_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False positives in g++ 12: AVX-512 intrinsics that start from a deliberately uninitialised vector (GCC bug 105593),
    # concatenated std::string (GCC bug 105651), and loops that it calls endless where sources are compiled together.
    target_compile_options(vlmt_build_flags INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized -Wno-restrict
                                                      -Wno-stringop-overflow -Wno-array-bounds
                                                      -Wno-aggressive-loop-optimizations)
  endif()
endif()
if(VLMT_SANITIZE)
  target_compile_options(vlmt_build_flags INTERFACE -fsanitize=${VLMT_SANITIZE} -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all)
  if(VLMT_SANITIZE MATCHES "address")
    # Kernels are thousands of inlined scopes: with use-after-scope checks they take nine times as long to compile.
    target_compile_options(vlmt_build_flags INTERFACE -fno-sanitize-address-use-after-scope)
  endif()
  if(VLMT_SANITIZE MATCHES "undefined")
    # These checks add a quarter to the compile time and find little: a null pointer crashes the program anyway, and
    # there are hardly any virtual functions.
    target_compile_options(vlmt_build_flags INTERFACE -fno-sanitize=null,object-size,vptr)
  endif()
  target_link_options(vlmt_build_flags INTERFACE -fsanitize=${VLMT_SANITIZE})
endif()
