# What `cmake --install` puts where, and the CMake package `soho` with its components sdk and client.
# One export set for each component, so that each can travel in a package of its own.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/soho")
set(generated_dir "${PROJECT_BINARY_DIR}/package")
set(templates_dir "${PROJECT_SOURCE_DIR}/packaging/cmake/templates")

# sdk: the headers of the plugin author and the test kit, soho_add_plugin(), soho-sdk.pc, the overview of the C ABI. Neither soho/wire nor
# soho/result.hpp.
foreach(header abi.h plugin.hpp testing.hpp)
    if(EXISTS "${PROJECT_SOURCE_DIR}/sdk/include/soho/${header}")
        install(FILES "${PROJECT_SOURCE_DIR}/sdk/include/soho/${header}"
                DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/soho" COMPONENT sdk)
    endif()
endforeach()
foreach(folder plugin data testing)
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/sdk/include/soho/${folder}"
            DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/soho" COMPONENT sdk FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
endforeach()
install(FILES
        "${PROJECT_SOURCE_DIR}/sdk/cmake/SohoPlugin.cmake" "${PROJECT_SOURCE_DIR}/sdk/cmake/SohoMsgpack.cmake"
        "${PROJECT_SOURCE_DIR}/sdk/cmake/soho-plugin.map"
        DESTINATION "${package_dir}" COMPONENT sdk)
install(FILES "${PROJECT_SOURCE_DIR}/packaging/man/soho-plugin.7" DESTINATION "${CMAKE_INSTALL_MANDIR}/man7" COMPONENT sdk)
install(TARGETS soho_sdk EXPORT soho-sdk-targets)
install(EXPORT soho-sdk-targets NAMESPACE soho:: DESTINATION "${package_dir}" COMPONENT sdk)

# client: the C++ client library and its headers. What it needs is known before the package file is written.
set(client_dependencies "")
if(TARGET soho_client)
    set_target_properties(soho_client PROPERTIES EXPORT_NAME client)
    set(client_targets soho_client)
    set(client_dependencies "find_dependency(Threads)")
    get_target_property(client_type soho_client TYPE)
    if(client_type STREQUAL "STATIC_LIBRARY")
        # A static client needs to be linked with all that a shared one has inside.
        list(APPEND client_targets soho_wire)
        string(APPEND client_dependencies " find_dependency(fmt CONFIG) find_dependency(tl-expected CONFIG)")
        string(REPLACE ") " ")\n            " client_dependencies "${client_dependencies}")
    endif()
    install(TARGETS ${client_targets} EXPORT soho-client-targets
            ARCHIVE COMPONENT client LIBRARY COMPONENT client INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/clients/cpp/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
            COMPONENT client FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
    install(EXPORT soho-client-targets NAMESPACE soho:: DESTINATION "${package_dir}" COMPONENT client)
endif()

configure_package_config_file("${templates_dir}/soho-config.cmake.in" "${generated_dir}/soho-config.cmake"
    INSTALL_DESTINATION "${package_dir}" PATH_VARS CMAKE_INSTALL_LIBDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${generated_dir}/soho-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${generated_dir}/soho-config.cmake" "${generated_dir}/soho-config-version.cmake"
        DESTINATION "${package_dir}" COMPONENT sdk)

# A .pc file finds its prefix from where it lies, as the CMake package does.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
foreach(component sdk client)
    if(component STREQUAL "client" AND NOT TARGET soho_client)
        continue()
    endif()
    configure_file("${templates_dir}/soho-${component}.pc.in" "${generated_dir}/soho-${component}.pc" @ONLY)
    install(FILES "${generated_dir}/soho-${component}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT ${component})
endforeach()
