#include <soho/wire/address.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace soho::wire {
namespace {

// Sets a variable of the environment for as long as it lives.
class Environment {
public:
    Environment(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment() { before_.empty() ? ::unsetenv(name_) : ::setenv(name_, before_.c_str(), 1); }

private:
    const char* name_;
    std::string before_;
};

TEST(Address, IsReadAsItIsWritten) {
    for (const char* text :
         {"unix:/run/x.sock", "unix:relative", "tcp:localhost:7000", "tcp:127.0.0.1:0", "tcp:[::1]:65535"}) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->text(), text);
    }
    EXPECT_EQ(parse_address("/run/x.sock")->text(), "unix:/run/x.sock");
    const auto v6 = parse_address("tcp:[::1]:7");
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->port, 7);
}

TEST(Address, RefusesWhatIsNone) {
    for (const char* text :
         {"", "x", "http://x", "unix:", "tcp:", "tcp:host", "tcp:host:", "tcp::7", "tcp:host:x", "tcp:host:7x",
          "tcp:host:65536", "tcp:host:-1", "tcp:::1:7", "tcp:[]:7", "tcp:[::1:7", "tcp:[::1]7"}) {
        const auto address = parse_address(text);
        ASSERT_FALSE(address) << text;
        EXPECT_EQ(address.error().code, Code::bad_arguments);
        EXPECT_NE(address.error().text.find(std::string_view(text) == "unix:" ? "unix:PATH" : "tcp:HOST:PORT"),
                  std::string::npos)
            << address.error().text;
    }
}

TEST(Address, RefusesAPathThatNoSocketCanHave) {
    const auto address = parse_address("unix:/" + std::string(200, 'x'));
    ASSERT_FALSE(address);
    EXPECT_NE(address.error().text.find("201 bytes"), std::string::npos);
    EXPECT_NE(address.error().text.find("107"), std::string::npos);
}

TEST(Address, OfTheUserIsInTheRuntimeDirectory) {
    const Environment runtime("XDG_RUNTIME_DIR", "/run/user/1");
    EXPECT_EQ(user_address().text(), "unix:/run/user/1/soho/sohod.sock");
}

TEST(Address, OfTheUserIsElseInTheTemporaryDirectory) {
    const Environment runtime("XDG_RUNTIME_DIR", nullptr);
    const Environment temporary("TMPDIR", "/var/t");
    EXPECT_EQ(user_directory(), "/var/t/soho-" + std::to_string(::geteuid()));
}

TEST(Address, OfAClientIsWhatSohoHostSaysAlone) {
    const Environment host("SOHO_HOST", "tcp:there:7");
    const auto addresses = client_addresses();
    ASSERT_TRUE(addresses);
    ASSERT_EQ(addresses->size(), 1u);
    EXPECT_EQ(addresses->front().text(), "tcp:there:7");
}

TEST(Address, OfAClientIsElseTheUsersThenTheMachines) {
    const Environment host("SOHO_HOST", nullptr);
    const auto addresses = client_addresses();
    ASSERT_TRUE(addresses);
    ASSERT_EQ(addresses->size(), 2u);
    EXPECT_EQ((*addresses)[0].text(), user_address().text());
    EXPECT_EQ((*addresses)[1].text(), "unix:/run/sohod/sohod.sock");
}

TEST(Address, InSohoHostThatIsNoneIsAnErrorThatNamesIt) {
    const Environment host("SOHO_HOST", "nowhere");
    const auto addresses = client_addresses();
    ASSERT_FALSE(addresses);
    EXPECT_TRUE(addresses.error().text.starts_with("SOHO_HOST: "));
}

class PrivateDirectory : public testing::Test {
protected:
    PrivateDirectory() {
        std::string pattern = testing::TempDir() + "soho-private-XXXXXX";
        base_ = ::mkdtemp(pattern.data());
    }
    ~PrivateDirectory() override { std::filesystem::remove_all(base_); }
    std::string base_;
};

TEST_F(PrivateDirectory, IsMadeForTheUserAlone) {
    EXPECT_EQ(private_directory_mismatch(base_ + "/new", true), "");
    struct stat status {};
    ASSERT_EQ(::stat((base_ + "/new").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0700u);
    EXPECT_EQ(private_directory_mismatch(base_ + "/new", true), "");
}

TEST_F(PrivateDirectory, IsRefusedWhereOthersCanGetIn) {
    std::filesystem::create_directory(base_ + "/open");
    ::chmod((base_ + "/open").c_str(), 0755);
    const std::string why = private_directory_mismatch(base_ + "/open", true);
    EXPECT_NE(why.find("0755"), std::string::npos);
    EXPECT_NE(why.find("chmod 700"), std::string::npos);
}

TEST_F(PrivateDirectory, IsNoLinkAndNoFile) {
    std::filesystem::create_directory(base_ + "/real");
    ::chmod((base_ + "/real").c_str(), 0700);
    std::filesystem::create_symlink(base_ + "/real", base_ + "/link");
    EXPECT_NE(private_directory_mismatch(base_ + "/link", true), "");
    std::ofstream(base_ + "/file") << "x";
    EXPECT_NE(private_directory_mismatch(base_ + "/file", true).find("not a directory"), std::string::npos);
    EXPECT_NE(private_directory_mismatch(base_ + "/none", false), "");
}

}  // namespace
}  // namespace soho::wire
