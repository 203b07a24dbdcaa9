# Every third-party library, found in one place. All are packages of Debian 12 (packaging/debian-packages.txt); newer
# versions are welcome where they keep their names. A project that has this one as a subdirectory sees them as well, and
# needs those of what it asks for.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
include("${PROJECT_SOURCE_DIR}/sdk/cmake/SohoMsgpack.cmake")  # soho::msgpack

if(SOHO_BUILD_CLIENT)
    find_package(Threads REQUIRED)
    find_package(tl-expected CONFIG REQUIRED)  # tl::expected
    find_package(fmt CONFIG REQUIRED)          # fmt::fmt
    find_package(OpenSSL 3 REQUIRED)           # OpenSSL::Crypto, OpenSSL::SSL
endif()
if(NOT SOHO_BUILD_HOST)
    return()
endif()

find_package(Asio 1.22 REQUIRED)      # asio::asio
find_package(CLI11 CONFIG REQUIRED)   # CLI11::CLI11
find_package(spdlog CONFIG REQUIRED)  # spdlog::spdlog, the compiled form
find_package(nlohmann_json CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)

# Boost.DLL alone, on std::filesystem: nothing of Boost is linked.
find_package(Boost 1.74 CONFIG REQUIRED)
add_library(soho_boost_dll INTERFACE)
add_library(soho::boost_dll ALIAS soho_boost_dll)
target_link_libraries(soho_boost_dll INTERFACE Boost::headers ${CMAKE_DL_LIBS})
target_compile_definitions(soho_boost_dll INTERFACE BOOST_DLL_USE_STD_FS)

# Metrics: the text format, and what serves it. The package's other targets would bring an HTTP server of their own.
find_package(prometheus-cpp CONFIG REQUIRED)

# Line editing for `soho shell`.
find_package(PkgConfig REQUIRED)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)
add_library(soho_libedit INTERFACE)
add_library(soho::libedit ALIAS soho_libedit)
target_link_libraries(soho_libedit INTERFACE PkgConfig::libedit)

pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
add_library(soho_httplib INTERFACE)
target_link_libraries(soho_httplib INTERFACE PkgConfig::httplib)

pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)  # sd_notify, sd_listen_fds

pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET "libseccomp>=2.5")  # what workers may ask of the system

if(SOHO_BUILD_TESTS)
    find_package(GTest CONFIG REQUIRED)
endif()
if(SOHO_BUILD_BENCH)
    find_package(benchmark CONFIG REQUIRED)
endif()
