#include "target.hpp"

#include "link.hpp"

namespace soho::client {

namespace {

// Opens a name on a new connection and takes the handle over.
class Reopened final : public Receiver {
public:
    explicit Reopened(const ProxyClass& proxy_class) : proxy_class_(proxy_class) {}
    bool receive(data::Bytes result, ResultContext& context) override {
        data::Reader in(result);
        return context.take_target(in, target, proxy_class_);
    }
    std::shared_ptr<Target> target;

private:
    const ProxyClass& proxy_class_;
};

}  // namespace

Target::Target(std::shared_ptr<Connection> connection, std::uint64_t id, std::string type)
    : connection_(std::move(connection)),
      id_(id),
      type_(std::move(type)) {}

Target::~Target() { connection_->release(id_); }

void Target::find_by_name(std::shared_ptr<Link> link, std::string name, const ProxyClass& proxy_class) {
    link_ = std::move(link);
    name_ = std::move(name);
    proxy_class_ = &proxy_class;
}

Target::Place Target::resolve(bool may_connect) {
    if (is_named()) return resolve_name(may_connect);
    if (!connection_->is_lost() || !may_connect) return {connection_.get(), nullptr, id_};
    throw ConnectionLost(Failure(CallCode::session_lost, "this " + type_ +
                                                             " went with its session: " + connection_->why_lost() +
                                                             "; create it again, or open it by a name"));
}

Target::Place Target::resolve_name(bool may_connect) {
    {
        const std::lock_guard lock(mutex_);
        const bool stays = !may_connect && link_->latest()->is_lost();
        if (!connection_->is_lost() || stays) return {connection_.get(), connection_, id_};
    }
    // Without the mutex: a blocking call may run callbacks, and those may use this very proxy.
    Reopened reopened(*proxy_class_);
    Request request(*link_, "soho.open", 1, nullptr);
    request.encode(name_);
    request.run(reopened);

    const std::scoped_lock lock(mutex_, reopened.target->mutex_);
    if (connection_->is_lost()) {
        // The other target gets in exchange what went with the old connection.
        std::swap(connection_, reopened.target->connection_);
        std::swap(id_, reopened.target->id_);
        std::swap(type_, reopened.target->type_);
    }
    return {connection_.get(), connection_, id_};
}

std::uint64_t Target::id() const {
    const std::lock_guard lock(mutex_);
    return id_;
}

std::string Target::type() const {
    const std::lock_guard lock(mutex_);
    return type_;
}

}  // namespace soho::client
