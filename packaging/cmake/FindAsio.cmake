# Standalone asio, which ships neither a CMake package nor a .pc file. Gives asio::asio.
find_path(Asio_INCLUDE_DIR asio/version.hpp)
mark_as_advanced(Asio_INCLUDE_DIR)
if(Asio_INCLUDE_DIR)
    # ASIO_VERSION 102201 is 1.22.1
    file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" line REGEX "#define ASIO_VERSION [0-9]+")
    string(REGEX MATCH "[0-9]+" number "${line}")
    math(EXPR major "${number} / 100000")
    math(EXPR minor "${number} / 100 % 1000")
    math(EXPR patch "${number} % 100")
    set(Asio_VERSION "${major}.${minor}.${patch}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Asio REQUIRED_VARS Asio_INCLUDE_DIR VERSION_VAR Asio_VERSION)

if(Asio_FOUND AND NOT TARGET asio::asio)
    find_package(Threads REQUIRED)
    add_library(asio::asio INTERFACE IMPORTED GLOBAL)
    target_include_directories(asio::asio SYSTEM INTERFACE "${Asio_INCLUDE_DIR}")
    target_link_libraries(asio::asio INTERFACE Threads::Threads)
    target_compile_definitions(asio::asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED
        ASIO_DISABLE_STD_ALIGNED_ALLOC)  # operator new: the host's asks for its spare memory
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND Asio_VERSION VERSION_LESS 1.24)
        # It looks for <experimental/coroutine> under clang and, finding none, leaves coroutines out.
        target_compile_definitions(asio::asio INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
    endif()
endif()
