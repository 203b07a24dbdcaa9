# How tests are declared; tests/CMakeLists.txt says what each function promises.
include(GoogleTest)

set(SOHO_TEST_PLUGIN_DIR "${PROJECT_BINARY_DIR}/test-plugins")
set(soho_test_places
    "SOHO_TEST_BIN_DIR=${PROJECT_BINARY_DIR}/bin"
    "SOHO_TEST_BUNDLED_PLUGIN_DIR=${PROJECT_BINARY_DIR}/plugins"
    "SOHO_TEST_PLUGIN_DIR=${SOHO_TEST_PLUGIN_DIR}"
    "SOHO_TEST_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "SOHO_TEST_BUILD_DIR=${PROJECT_BINARY_DIR}")
find_program(SOHO_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH DOC "Debian's Python 3")
if(NOT SOHO_PYTHON)
    find_program(SOHO_PYTHON NAMES python3 REQUIRED)
endif()

# What every test program has in common.
add_library(soho_test_common INTERFACE)
target_include_directories(soho_test_common INTERFACE "${PROJECT_SOURCE_DIR}")
foreach(place ${soho_test_places})
    string(REPLACE "=" ";" words "${place}")
    list(GET words 0 macro)
    list(GET words 1 path)
    target_compile_definitions(soho_test_common INTERFACE "${macro}=\"${path}\"")
endforeach()

# What only tests run need not be fast: without optimization it compiles in half of the time. The release build's tests keep some,
# as compilers make mistakes there, and see them.
set(SOHO_TEST_OPTIMIZATION -O1)
if(SOHO_BUILD_FUZZ OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(SOHO_TEST_OPTIMIZATION "")
elseif(SOHO_SANITIZE)
    set(SOHO_TEST_OPTIMIZATION -O0)
endif()

function(_soho_check_arguments function name unparsed sources)
    if(unparsed)
        message(FATAL_ERROR "${function}(${name}): unknown arguments: ${unparsed}")
    endif()
    if(NOT sources)
        message(FATAL_ERROR "${function}(${name}): say SOURCES or COMMAND")
    endif()
endfunction()

function(soho_add_gtest name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "AS_RELEASED" "TIMEOUT" "SOURCES;LIBS;LABELS;DEPENDS")
    _soho_check_arguments(soho_add_gtest ${name} "${arg_UNPARSED_ARGUMENTS}" "${arg_SOURCES}")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_executable(${name} ${arg_SOURCES})
    if(NOT arg_AS_RELEASED)
        target_compile_options(${name} PRIVATE ${SOHO_TEST_OPTIMIZATION})
    endif()
    target_link_libraries(${name} PRIVATE soho_test_common ${arg_LIBS} GTest::gmock GTest::gtest GTest::gtest_main)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    if(arg_DEPENDS)
        add_dependencies(${name} ${arg_DEPENDS})
    endif()
    set(labels "")
    if(arg_LABELS)
        set(labels LABELS "${arg_LABELS}")
    endif()
    gtest_discover_tests(${name}
        TEST_PREFIX "${SOHO_TEST_PREFIX}${name}/" DISCOVERY_TIMEOUT 60
        PROPERTIES TIMEOUT ${arg_TIMEOUT} ${labels})
endfunction()

function(soho_add_script_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS;ENVIRONMENT")
    _soho_check_arguments(soho_add_script_test ${name} "${arg_UNPARSED_ARGUMENTS}" "${arg_COMMAND}")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    list(GET arg_COMMAND 0 program)
    if(program MATCHES "\\.py$")
        list(PREPEND arg_COMMAND "${SOHO_PYTHON}" -B)
    endif()
    add_test(NAME "${SOHO_TEST_PREFIX}${name}" COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    set_tests_properties("${SOHO_TEST_PREFIX}${name}" PROPERTIES
        TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "${soho_test_places};${arg_ENVIRONMENT}")
endfunction()

add_custom_target(soho_fuzzers)  # every fuzz target

function(soho_add_fuzzer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;LIBS")
    _soho_check_arguments(soho_add_fuzzer ${name} "${arg_UNPARSED_ARGUMENTS}" "${arg_SOURCES}")
    if(NOT arg_CORPUS)
        set(arg_CORPUS "corpus/${name}")
    endif()
    get_filename_component(arg_CORPUS "${arg_CORPUS}" ABSOLUTE)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE soho_test_common ${arg_LIBS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    add_dependencies(soho_fuzzers ${name})
    if(SOHO_BUILD_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        # Where ./dev fuzz finds the seeds of each program.
        file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/fuzz/${name}.corpus" CONTENT "${arg_CORPUS}\n")
        return()
    endif()
    target_sources(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp")
    add_test(NAME "${SOHO_TEST_PREFIX}fuzz/${name}" COMMAND ${name} "${arg_CORPUS}")
    set_tests_properties("${SOHO_TEST_PREFIX}fuzz/${name}" PROPERTIES
        TIMEOUT 120 LABELS fuzz)
endfunction()
