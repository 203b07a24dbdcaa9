#pragma once
// The handles that came with one result. Each gave this session a count, which must go back even if the result is not
// decoded, or only in part: so all of them are taken into custody before decoding, and what nobody took is released.

#include <soho/client/request.hpp>

namespace soho::client {

class Introductions {
public:
    // Finds the handles in a result. A body that is no handle at all makes the whole result unreadable: false.
    bool collect(const std::shared_ptr<Connection>& connection, data::Bytes result);

    // The object behind a handle of this result.
    std::shared_ptr<Target> take(std::uint64_t id);
    void note_use(const ProxyClass& proxy_class, const std::string& type);

    std::vector<ClassUse> unchecked;

private:
    struct Introduced {
        std::uint64_t id;
        std::shared_ptr<Target> target;
    };
    std::vector<Introduced> introduced_;
    std::size_t next_ = 0;  // they are mostly taken in the order in which they came
};

}  // namespace soho::client
