#pragma once
// SHA-256: what the content of a plugin file is known by.

#include <soho/result.hpp>

#include <memory>
#include <span>
#include <string>

namespace soho::host {

class Sha256 {
public:
    Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    ~Sha256();

    void add(std::span<const char> bytes);
    // 64 hexadecimal digits. Once, at the end.
    std::string text();

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Of all that a descriptor has, from its beginning; where it stands is not changed. Fails with a sentence.
Result<std::string> sha256_of(int descriptor);

}  // namespace soho::host
