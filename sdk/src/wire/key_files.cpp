#include <soho/wire/login.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

namespace soho::wire {

namespace {

constexpr std::size_t file_bytes_max = 1u << 20;
constexpr std::size_t name_size_max = 64;

Result<std::string> read_private_file(const std::string& file) {
    const auto fail = [&](std::string why) { return refuse(Code::denied, fmt::format("{}: {}", file, why)); };
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) return fail(std::strerror(errno));
    struct Closer {
        int descriptor;
        ~Closer() { ::close(descriptor); }
    } const closer{descriptor};
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return fail(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return fail("not a regular file");
    if (status.st_uid != ::geteuid() && status.st_uid != 0)
        return fail(fmt::format("belongs to user {}, who is neither root nor you", status.st_uid));
    if ((status.st_mode & 0077) != 0)
        return fail(fmt::format("open to other users (mode {:04o}): chmod 600 it", status.st_mode & 07777u));
    if (static_cast<std::size_t>(status.st_size) > file_bytes_max) return fail("larger than 1 MiB");
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(descriptor, text.data() + size, text.size() - size);
        if (got < 0 && errno != EINTR) return fail(std::strerror(errno));
        if (got == 0) break;
        if (got > 0) size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

// Empty if it is not hexadecimal.
std::string from_hex(std::string_view text) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    if (text.size() % 2 != 0) return {};
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) return {};
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::string random_hex(std::size_t size) {
    std::string bytes(size, '\0');
    fill_random(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
    std::string text;
    for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
}

using Decode = std::string (*)(std::string_view);  // empty if it is none

Result<std::vector<Secret>> read_secrets(const std::string& file, std::string_view form, Decode decode) {
    const auto text = read_private_file(file);
    if (!text) return tl::unexpected<Error>(text.error());
    std::vector<Secret> secrets;
    std::istringstream lines(*text);
    std::string line;
    for (std::size_t number = 1; std::getline(lines, line); ++number) {
        const auto fail = [&](std::string_view why) {  // never with the line: it may be a secret
            return refuse(Code::bad_arguments, fmt::format("{}:{}: {}", file, number, why));
        };
        std::istringstream words(line.substr(0, line.find('#')));
        std::string name, secret, more;
        if (!(words >> name)) continue;
        words >> secret;
        if (secret.empty() || words >> more) return fail(fmt::format("a line is {}", form));
        if (!is_key_name(name)) return fail("a name has letters, digits, _ - . @ only, at most 64 of them");
        std::string bytes = decode(secret);
        if (bytes.empty()) return fail(fmt::format("not {}", form));
        const auto same = [&](const Secret& other) { return other.name == name; };
        if (std::any_of(secrets.begin(), secrets.end(), same))
            return fail(fmt::format("\"{}\" has a line already", name));
        secrets.push_back({std::move(name), std::move(bytes)});
    }
    if (secrets.empty()) return refuse(Code::bad_arguments, fmt::format("{}: holds no line {}", file, form));
    return secrets;
}

}  // namespace

bool is_key_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.' || c == '@';
    };
    return !name.empty() && name.size() <= name_size_max && std::all_of(name.begin(), name.end(), allowed);
}

Result<std::vector<Secret>> read_key_file(const std::string& file) {
    return read_secrets(file, "NAME HEX, with at least 64 hexadecimal digits", [](std::string_view text) {
        std::string bytes = from_hex(text);
        return bytes.size() < key_size_min ? std::string() : bytes;
    });
}

Result<std::vector<Secret>> read_token_file(const std::string& file) {
    return read_secrets(file, "NAME TOKEN, with at least 16 characters", [](std::string_view text) {
        return text.size() < token_size_min ? std::string() : std::string(text);
    });
}

std::string new_key_line(std::string_view name) { return fmt::format("{} {}\n", name, random_hex(key_size_min)); }
std::string new_token_line(std::string_view name) { return fmt::format("{} {}\n", name, random_hex(24)); }

}  // namespace soho::wire
