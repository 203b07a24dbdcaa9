#include "host/registry/digest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace soho::host {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;

void check(int done) {
    if (done != 1) throw std::runtime_error("OpenSSL has no SHA-256");
}

}  // namespace

struct Sha256::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    check(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr));
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const char> bytes) { check(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size())); }

std::string Sha256::text() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    check(EVP_DigestFinal_ex(state_->context, digest.data(), &size));
    return fmt::format("{:02x}", fmt::join(std::span(digest).first(size), ""));
}

Result<std::string> sha256_of(int descriptor) {
    Sha256 digest;
    std::vector<char> block(block_bytes);
    for (off_t at = 0;;) {
        const ssize_t got = ::pread(descriptor, block.data(), block.size(), at);
        if (got < 0) return refuse(Code::unavailable, std::strerror(errno));
        if (got == 0) return digest.text();
        digest.add(std::span(block).first(static_cast<std::size_t>(got)));
        at += got;
    }
}

}  // namespace soho::host
