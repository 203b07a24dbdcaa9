#pragma once
// Arguments for a method that nobody knows anything of but its description: of the declared types, of wrong ones, and of any. The same
// seed makes the same ones.

#include "host/tool/stage.hpp"

#include <functional>
#include <random>

namespace soho::host::tool {

class ArgumentsMaker {
public:
    // An object of a class, or of any (null); null if none can be had.
    using FindObject = std::function<ObjectPtr(const void* class_key)>;

    ArgumentsMaker(std::uint64_t seed, FindObject find_object)
        : seed_(seed),
          random_(seed),
          find_object_(std::move(find_object)) {}
    // What is drawn from here on is of the seed and this number alone.
    void begin(std::uint64_t number) { random_.seed(seed_ + (number + 1) * 0xbf58476d1ce4e5b9); }

    // As declared (ABI.md, 11); sometimes with further ones where the method takes them.
    Arguments typed(const Signature& signature);
    // As declared, of the values that most things accept.
    Arguments plain(const Signature& signature);
    // As declared, all of them, with the marker in each text, and with numbers that have something done, but not for ever: whoever tells
    // what it was given tells it now.
    Arguments telling(const Signature& signature);
    // So many, of any type, well-formed.
    Arguments random(std::size_t count);
    // As declared, but for one, whose word excludes what it gets; nothing if that word excludes nothing.
    std::optional<Arguments> wrong(const Signature& signature, std::size_t which);

    // A text that is put into texts; nobody else would write it.
    static constexpr std::string_view marker = "sOhO-mArKeR-7f3a";

    std::uint64_t below(std::uint64_t end) { return random_() % end; }  // the same everywhere, unlike a distribution

private:
    // One value each.
    void value_of(std::string_view word, wire::Out& out, int depth);
    void any(wire::Out& out, int depth);
    void integer(wire::Out& out, std::int64_t least, std::uint64_t most);
    void text(wire::Out& out);
    void bytes(wire::Out& out);
    void object(wire::Out& out, const void* class_key);
    void plain_value(wire::Out& out);
    Arguments made(data::Buffer& buffer);

    bool one_in(std::uint64_t n) { return below(n) == 0; }

    const std::uint64_t seed_;
    std::mt19937_64 random_;
    FindObject find_object_;
    enum class Values : std::uint8_t { all, plain, telling };
    Values values_ = Values::all;
    std::vector<ObjectPtr> objects_;  // of the arguments that are being made
};

// For a sentence: "[7, \"a\"]", cut where it is long.
std::string text_of(const Arguments& arguments);

}  // namespace soho::host::tool
