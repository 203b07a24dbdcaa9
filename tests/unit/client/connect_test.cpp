// Finding a host, and saying why none was found.
#include "tests/unit/client/fake_host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soho/client.hpp>

#include <sys/stat.h>
#include <cstdlib>
#include <filesystem>

namespace soho {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::FakeHost;
using testing::HasSubstr;

// Sets an environment variable for one test.
class Environment {
public:
    Environment(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        value.empty() ? ::unsetenv(name) : ::setenv(name, value.c_str(), 1);
    }
    Environment(const Environment&) = delete;
    ~Environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

private:
    const char* name_;
    std::optional<std::string> before_;
};

std::string refusal(const std::function<void()>& connect) {
    try {
        connect();
    } catch (const CallError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Connect, NamesEachAddressThatWasTriedAndWhy) {
    const FakeHost directory;
    const Environment runtime("XDG_RUNTIME_DIR", "/nonexistent/runtime");
    const Environment host("SOHO_HOST", "");
    const std::string text = refusal([] { Client::connect(); });
    EXPECT_THAT(
        text,
        HasSubstr("unix:/nonexistent/runtime/soho/sohod.sock (/nonexistent/runtime/soho: No such file or directory)"));
    EXPECT_THAT(text, HasSubstr("unix:/run/sohod/sohod.sock"));
    EXPECT_THAT(text, HasSubstr("SOHO_HOST"));
}

TEST(Connect, TriesSohoHostAlone) {
    const FakeHost host;
    const Environment address("SOHO_HOST", host.address());
    EXPECT_EQ(Client::connect().address(), host.address());
    const Environment other("SOHO_HOST", "unix:/nonexistent/sock");
    EXPECT_THAT(refusal([] { Client::connect(); }),
                HasSubstr("no host answers at unix:/nonexistent/sock (no such socket)"));
    const Environment wrong("SOHO_HOST", "host:1:2");
    EXPECT_THAT(refusal([] { Client::connect(); }), HasSubstr("SOHO_HOST"));
}

TEST(Connect, DoesNotTrustASocketInADirectoryThatOthersMayUse) {
    const Environment host("SOHO_HOST", "");
    std::string pattern = (std::filesystem::temp_directory_path() / "soho-open-XXXXXX").string();
    const std::filesystem::path runtime = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(runtime / "soho");
    ::chmod((runtime / "soho").c_str(), 0755);
    const Environment variable("XDG_RUNTIME_DIR", runtime.string());
    EXPECT_THAT(refusal([] { Client::connect(); }), HasSubstr("is open to other users"));
    std::filesystem::remove_all(runtime);
}

TEST(Connect, GivesUpOnAHostThatDoesNotAnswer) {
    FakeHost host;
    host.stop_reading(true);
    EXPECT_THAT(refusal([&] { Client::connect(host.address(), {.connect_timeout = 250ms}); }),
                HasSubstr("did not answer in time"));
}

TEST(Connect, RefusesWhatIsNoAddress) {
    EXPECT_THAT(refusal([] { Client::connect("localhost"); }), HasSubstr("is not an address"));
    EXPECT_THAT(refusal([] { Client::connect("tcp:127.0.0.1:1"); }),
                HasSubstr("tcp:127.0.0.1:1 (nobody listens there)"));
}

}  // namespace
}  // namespace soho
