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
