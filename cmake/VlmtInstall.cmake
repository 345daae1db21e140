# Installs the headers, the CMake package and the sources for vlmt_add_instances. examples/CMakeLists.txt installs the
# programs.
include(CMakePackageConfigHelpers)

set(vlmt_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vlmt)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/vlmt" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
install(TARGETS vlmt_headers vlmt_kernel vlmt_text vlmt_media vlmt_model vlmt_all EXPORT vlmtTargets)
install(EXPORT vlmtTargets NAMESPACE vlmt:: DESTINATION ${vlmt_package_dir})

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/vlmtConfig.cmake.in" "${PROJECT_BINARY_DIR}/vlmtConfig.cmake"
                              INSTALL_DESTINATION ${vlmt_package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/vlmtConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/vlmtConfig.cmake" "${PROJECT_BINARY_DIR}/vlmtConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/VlmtDependencies.cmake" "${CMAKE_CURRENT_LIST_DIR}/VlmtArches.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/VlmtInstances.cmake" "${CMAKE_CURRENT_LIST_DIR}/VlmtUse.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/launcher.cpp.in"
        DESTINATION ${vlmt_package_dir})
install(DIRECTORY "${VLMT_INSTANCES_DIR}/" DESTINATION ${vlmt_package_dir}/instances OPTIONAL FILES_MATCHING PATTERN "*.cpp"
                                                                                                  PATTERN "*.hpp")

# Files for pkg-config: vlmt has all components, vlmt-kernel, vlmt-text, vlmt-media and vlmt-model one each.
# vlmt_install_pc(component [REQUIRES packages...] [HEADERS packages...] [FLAGS flags...] [LIBRARIES flags...]):
# HEADERS are packages of which nothing is linked.
set(vlmt_pc_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)
function(vlmt_install_pc vlmt_component)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "REQUIRES;HEADERS;FLAGS;LIBRARIES")
  set(vlmt_name vlmt-${vlmt_component})
  if(vlmt_component STREQUAL "all")
    set(vlmt_name vlmt)
  endif()
  # Relative, so that the installed tree can be moved.
  set(vlmt_prefix "\${pcfiledir}")
  string(REGEX REPLACE "[^/]+" ".." up "${vlmt_pc_dir}")
  string(APPEND vlmt_prefix "/${up}")
  list(JOIN ARG_REQUIRES ", " vlmt_requires)
  list(JOIN ARG_HEADERS ", " vlmt_headers)
  list(JOIN ARG_FLAGS " " vlmt_flags)
  list(JOIN ARG_LIBRARIES " " vlmt_libraries)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/vlmt.pc.in" "${PROJECT_BINARY_DIR}/${vlmt_name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${vlmt_name}.pc" DESTINATION ${vlmt_pc_dir})
endfunction()
vlmt_install_pc(kernel HEADERS xsimd FLAGS -fopenmp -pthread)
vlmt_install_pc(text REQUIRES libpcre2-8 libutf8proc HEADERS nlohmann_json)
# giflib has a file for pkg-config on few systems.
vlmt_install_pc(media REQUIRES libjpeg libpng libwebp zlib LIBRARIES -lgif)
vlmt_install_pc(model REQUIRES vlmt-kernel vlmt-text HEADERS libxxhash)
vlmt_install_pc(all REQUIRES vlmt-model vlmt-media)
