# How everything in this repository is compiled: standard, places, warnings, sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(SOHO_PLUGIN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/plugins")

# Programs find our client library from wherever they are installed together; in /usr the loader finds it by itself.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()

find_program(SOHO_CCACHE ccache DOC "compiler cache, used when found")
if(SOHO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${SOHO_CCACHE}")
    # Precompiled headers need the two kinds of sloppiness, else they are never found again.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${SOHO_CCACHE}")
endif()

# Warnings. Every target of this repository gets them by the link_libraries below; nothing installed does.
add_library(soho_warnings INTERFACE)
target_compile_options(soho_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wimplicit-fallthrough
    -Wno-sign-conversion                 # bytes and sizes: noise without a finding
    -Wno-missing-field-initializers      # {.first = 1} means the rest is as the type says
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>  # g++ 12 reports std::string's own copies
    $<$<BOOL:${SOHO_WERROR}>:-Werror>)
link_libraries($<BUILD_INTERFACE:soho_warnings>)

# Sanitizers. A finding ends the process, so that no test can pass over one.
if(SOHO_SANITIZE)
    set(SOHO_WITH_SANITIZER ON)
    add_compile_options("-fsanitize=${SOHO_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options("-fsanitize=${SOHO_SANITIZE}")
    if(SOHO_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
       AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 17)
        add_compile_options(-fno-sanitize=function)  # these write what no assembler takes, for coroutines
    endif()
    if(SOHO_SANITIZE MATCHES "address")
        add_compile_options(-U_FORTIFY_SOURCE)
    endif()
endif()
if(SOHO_BUILD_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "SOHO_BUILD_FUZZ needs clang: cmake --preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_compile_definitions(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()
