#include <soho/wire/login.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace soho::wire {

void fill_random(std::uint8_t* bytes, std::size_t size) {
    if (RAND_bytes(bytes, static_cast<int>(size)) != 1) throw std::runtime_error("no random bytes to be had");
}

Nonce random_nonce() {
    Nonce nonce;
    fill_random(nonce.data(), nonce.size());
    return nonce;
}

Proof login_proof(LoginSide side, data::Bytes key, const LoginContext& context) {
    std::string message = side == LoginSide::client ? "soho-login-1 client" : "soho-login-1 host";
    const auto append = [&](data::Bytes bytes) { message.append(bytes.begin(), bytes.end()); };
    message += '\0';
    append(context.client_nonce);
    append(context.host_nonce);
    message += static_cast<char>(context.channel.size());
    append(context.channel);
    message += context.key_name;
    Proof proof;
    unsigned size = proof.size();
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), proof.data(), &size) == nullptr) {
        throw std::runtime_error("OpenSSL cannot compute an HMAC");
    }
    return proof;
}

bool same_secret(data::Bytes a, data::Bytes b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace soho::wire
