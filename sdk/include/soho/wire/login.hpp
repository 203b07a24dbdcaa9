#pragma once
// Logging in with a shared key: what both ends compute (PROTOCOL.md, 3), and the files that keys and tokens are kept in.

#include <soho/data/reader.hpp>
#include <soho/result.hpp>

#include <array>
#include <string>
#include <vector>

namespace soho::wire {

inline constexpr std::string_view key_mechanism = "hmac-sha256-1";
inline constexpr std::string_view token_mechanism = "token";

inline constexpr std::size_t nonce_size = 32;  // bytes
inline constexpr std::size_t key_size_min = 32;
inline constexpr std::size_t token_size_min = 16;
// What TLS exports to bind a login to its channel (RFC 9266).
inline constexpr std::string_view channel_label = "EXPORTER-Channel-Binding";
inline constexpr std::size_t channel_size = 32;

using Nonce = std::array<std::uint8_t, nonce_size>;
using Proof = std::array<std::uint8_t, 32>;

// Random bytes from the system. Throws std::runtime_error where it has none.
void fill_random(std::uint8_t* bytes, std::size_t size);
Nonce random_nonce();

// What a proof is bound to. Borrowed.
struct LoginContext {
    data::Bytes client_nonce;  // nonce_size bytes, as the other
    data::Bytes host_nonce;
    data::Bytes channel;  // what TLS exports; empty without TLS
    std::string_view key_name;
};
enum class LoginSide : std::uint8_t { client, host };
// That one who knows the key is at this end of this channel, now.
Proof login_proof(LoginSide side, data::Bytes key, const LoginContext& context);
// In a time that does not depend on where they differ.
bool same_secret(data::Bytes a, data::Bytes b);

// A key or a token, and the name that its bearer goes by.
struct Secret {
    std::string name;
    std::string bytes;
};
// The name of a key: letters, digits, `_`, `-`, `.`, `@`; at most 64 of them.
bool is_key_name(std::string_view name);

// A file of keys has a line `NAME HEX` for each, of tokens `NAME TOKEN`; `#` begins a comment. It must be readable by its owner
// alone. Fails with the file, the line and what is wrong with it.
Result<std::vector<Secret>> read_key_file(const std::string& file);
Result<std::vector<Secret>> read_token_file(const std::string& file);
// The line of a new key or token.
std::string new_key_line(std::string_view name);
std::string new_token_line(std::string_view name);

}  // namespace soho::wire
