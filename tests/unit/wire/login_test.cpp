#include <soho/wire/login.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdio>
#include <fstream>
#include <numeric>

namespace soho::wire {
namespace {

std::string hex(data::Bytes bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

// PROTOCOL.md, 3 has the same vectors.
TEST(LoginProof, HasTheVectorsOfTheProtocol) {
    std::string key(32, '\0'), client(32, '\0'), host(32, '\0'), channel(32, '\0');
    std::iota(key.begin(), key.end(), '\0');
    std::iota(client.begin(), client.end(), '\x40');
    std::iota(host.begin(), host.end(), '\x60');
    std::fill(channel.begin(), channel.end(), '\x11');
    const auto proof = [&](LoginSide side, std::string_view bound) {
        return hex(login_proof(side, data::as_bytes(key),
                               {data::as_bytes(client), data::as_bytes(host), data::as_bytes(bound), "ci"}));
    };
    EXPECT_EQ(proof(LoginSide::client, ""), "301eb8e0a4530e2f7b96bada273d806edec0d802b471df249042bc7041a66bfc");
    EXPECT_EQ(proof(LoginSide::host, ""), "f3762d8b98ea5b01369365822cae7ab51d1c2864e16ed072425605eb9c801cb0");
    EXPECT_EQ(proof(LoginSide::client, channel), "cd2da52108739a05048bb484b7fa49441aa3975a13cb9e88ca72f84f9aef06bc");
    EXPECT_EQ(proof(LoginSide::host, channel), "c4bad128efc0cf7e3e4bfdb4ad287067c4c55e81c7f9f2757378e75b34b84b58");
}

class KeyFiles : public testing::Test {
protected:
    ~KeyFiles() override { std::remove(file_.c_str()); }
    void write(std::string_view text, mode_t mode = 0600) {
        std::remove(file_.c_str());
        std::ofstream(file_) << text;
        ::chmod(file_.c_str(), mode);
    }
    std::string refused(std::string_view text, mode_t mode = 0600) {
        write(text, mode);
        const auto keys = read_key_file(file_);
        return keys ? "" : keys.error().text.substr(file_.size());
    }
    const std::string file_ = testing::TempDir() + "soho-keys-" + std::to_string(::getpid());
    const std::string key_ = std::string(64, 'a');
};

TEST_F(KeyFiles, HoldAKeyALine) {
    write(fmt::format("# ours\n\nci {}\n  web@1.b  {}ff # a comment\n", key_, key_));
    const auto keys = read_key_file(file_);
    ASSERT_TRUE(keys) << keys.error().text;
    ASSERT_EQ(keys->size(), 2u);
    EXPECT_EQ((*keys)[0].name, "ci");
    EXPECT_EQ((*keys)[0].bytes, std::string(32, '\xaa'));
    EXPECT_EQ((*keys)[1].name, "web@1.b");
    EXPECT_EQ((*keys)[1].bytes.size(), 33u);
}

TEST_F(KeyFiles, AreRefusedWithTheLineAndNeverWithTheSecret) {
    EXPECT_EQ(refused("ci\n"), ":1: a line is NAME HEX, with at least 64 hexadecimal digits");
    EXPECT_EQ(refused("\nci abcd\n"), ":2: not NAME HEX, with at least 64 hexadecimal digits");
    EXPECT_EQ(refused("ci " + std::string(64, 'x')), ":1: not NAME HEX, with at least 64 hexadecimal digits");
    EXPECT_EQ(refused("c/i " + key_), ":1: a name has letters, digits, _ - . @ only, at most 64 of them");
    EXPECT_EQ(refused(fmt::format("ci {0}\nci {0}\n", key_)), ":2: \"ci\" has a line already");
    EXPECT_EQ(refused("# nothing\n"), ": holds no line NAME HEX, with at least 64 hexadecimal digits");
    EXPECT_EQ(refused("ci " + key_, 0640), ": open to other users (mode 0640): chmod 600 it");
    EXPECT_EQ(read_key_file("/nonexistent/keys").error().text, "/nonexistent/keys: No such file or directory");
    EXPECT_EQ(read_key_file("/dev").error().text, "/dev: not a regular file");
}

TEST_F(KeyFiles, TakeTheLinesThatAreMadeForThem) {
    write(new_key_line("a") + new_key_line("b"));
    const auto keys = read_key_file(file_);
    ASSERT_TRUE(keys);
    EXPECT_EQ((*keys)[0].bytes.size(), key_size_min);
    EXPECT_NE((*keys)[0].bytes, (*keys)[1].bytes);
    write(new_token_line("t"));
    const auto tokens = read_token_file(file_);
    ASSERT_TRUE(tokens);
    EXPECT_EQ((*tokens)[0].bytes.size(), 48u);
    write("t short");
    EXPECT_FALSE(read_token_file(file_));
}

}  // namespace
}  // namespace soho::wire
