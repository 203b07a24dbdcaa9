# soho_add_plugin: build a soho plugin, a shared object that exports one function and nothing else.
#
# The same file serves this repository and everyone who says find_package(soho CONFIG):
#
#     find_package(soho 0.1 CONFIG REQUIRED)
#     soho_add_plugin(pair SOURCES pair.cpp)
#
#     soho_add_plugin(NAME
#         SOURCES file...             C++ or C (a plugin may be pure C)
#         [VERSION v]                 reaches the sources as the string macro SOHO_PLUGIN_VERSION
#         [LINK_LIBRARIES lib...]     further libraries, linked PRIVATE; soho::sdk is always there
#         [OUTPUT_DIRECTORY dir]      default: ${SOHO_PLUGIN_OUTPUT_DIRECTORY} if set (in this repository it is
#                                     build/<preset>/plugins), else the current binary directory
#         [NO_INSTALL]                not installed, and not among the bundled plugins of this repository
#         [EXCLUDE_FROM_ALL]          built only when asked for by name
#         [ALLOW_UNDEFINED]           do not let the linker refuse undefined symbols (for tests of bad plugins)
#     )
#
# NAME is the target, and NAME.so the file. Installed plugins go to ${SOHO_PLUGIN_INSTALL_DIR}, by default
# ${CMAKE_INSTALL_LIBDIR}/soho/plugins: with CMake's own prefix /usr/local/lib/soho/plugins, where the packaged host looks as well as in
# its own ${soho_PLUGIN_DIR}. SOHO_WITH_SANITIZER says that the build is instrumented (found out by itself).
include_guard(GLOBAL)

set(_soho_plugin_version_script "${CMAKE_CURRENT_LIST_DIR}/soho-plugin.map" CACHE INTERNAL
    "linker version script that hides all of a plugin but its entry")

function(soho_add_plugin name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL;EXCLUDE_FROM_ALL;ALLOW_UNDEFINED" "VERSION;OUTPUT_DIRECTORY"
                          "SOURCES;LINK_LIBRARIES")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "soho_add_plugin(${name}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_SOURCES)
        message(FATAL_ERROR "soho_add_plugin(${name}): say SOURCES file...")
    endif()

    add_library(${name} MODULE ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE soho::sdk ${arg_LINK_LIBRARIES})
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if("CXX" IN_LIST languages)
        target_compile_features(${name} PRIVATE cxx_std_20)
    endif()

    # Visibility alone leaves inline statics of the standard library exported, and shared between plugins;
    # the version script hides those too. GNU unique symbols would pin a library for ever.
    set_target_properties(${name} PROPERTIES
        PREFIX "" SUFFIX ".so" POSITION_INDEPENDENT_CODE ON
        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        INSTALL_RPATH "" LINK_DEPENDS "${_soho_plugin_version_script}")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
    target_link_options(${name} PRIVATE "LINKER:-z,now" "LINKER:--version-script=${_soho_plugin_version_script}")
    _soho_is_sanitized(sanitized)
    if(NOT sanitized AND NOT arg_ALLOW_UNDEFINED)  # a sanitizer's own symbols come from the host's executable
        target_link_options(${name} PRIVATE "LINKER:--no-undefined")
    endif()

    if(arg_VERSION)
        target_compile_definitions(${name} PRIVATE "SOHO_PLUGIN_VERSION=\"${arg_VERSION}\"")
    endif()
    if(arg_OUTPUT_DIRECTORY)
        set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${arg_OUTPUT_DIRECTORY}")
    elseif(SOHO_PLUGIN_OUTPUT_DIRECTORY)
        set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${SOHO_PLUGIN_OUTPUT_DIRECTORY}")
    endif()
    if(arg_EXCLUDE_FROM_ALL)
        set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    if(arg_NO_INSTALL)
        return()
    endif()

    set_property(GLOBAL APPEND PROPERTY SOHO_BUNDLED_PLUGINS ${name})
    include(GNUInstallDirs)
    set(destination "${CMAKE_INSTALL_LIBDIR}/soho/plugins")
    if(SOHO_PLUGIN_INSTALL_DIR)
        set(destination "${SOHO_PLUGIN_INSTALL_DIR}")
    endif()
    install(TARGETS ${name} LIBRARY DESTINATION "${destination}" COMPONENT plugins)
endfunction()

function(_soho_is_sanitized result)
    get_directory_property(options COMPILE_OPTIONS)
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    set(flags "${options} ${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_C_FLAGS_${type}} ${CMAKE_CXX_FLAGS_${type}}")
    if(SOHO_WITH_SANITIZER OR flags MATCHES "-fsanitize=")
        set(${result} TRUE PARENT_SCOPE)
    else()
        set(${result} FALSE PARENT_SCOPE)
    endif()
endfunction()
