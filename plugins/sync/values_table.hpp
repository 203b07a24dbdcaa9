#pragma once
// Keys in the order of their insertion, found by Python's equality; with what each stands for (in a set: nothing).

#include "iterator.hpp"

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/identity.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

namespace shared {

class Table {
public:
    struct Entry {
        Value key;
        std::size_t hash;
        mutable Value mapped;  // no part of what the index looks at
    };

private:
    struct Probe {
        const Value& key;
        std::size_t hash;
    };
    struct Hash {
        template <class Keyed>
        std::size_t operator()(const Keyed& keyed) const {
            return keyed.hash;
        }
    };
    struct Same {
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return a.hash == b.hash && equal(a.key, b.key);
        }
    };
    using Entries = boost::multi_index_container<
        Entry, boost::multi_index::indexed_by<
                   boost::multi_index::sequenced<>,
                   boost::multi_index::hashed_unique<boost::multi_index::identity<Entry>, Hash, Same>>>;

public:
    using const_iterator = Entries::const_iterator;

    const_iterator begin() const { return entries_.begin(); }
    const_iterator end() const { return entries_.end(); }
    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    const Entry& front() const { return entries_.front(); }
    const Entry& back() const { return entries_.back(); }
    // Counts what was taken out: an iterator over a table that has lost an entry may be lost, too.
    std::uint64_t erasures() const { return erasures_; }

    // Throws TypeError for what cannot be a key.
    const Entry* find(const Value& key) const {
        const auto& index = entries_.get<1>();
        const auto found = index.find(Probe{key, hash_of(key)}, Hash(), Same());
        return found == index.end() ? nullptr : &*found;
    }
    bool contains(const Value& key) const { return find(key) != nullptr; }

    // Adds the key at the end, or gives `mapped` to the one that is there; what is replaced is swapped into `mapped`.
    void set(Value key, Value&& mapped) {
        const std::size_t hash = hash_of(key);
        const auto& index = entries_.get<1>();
        const auto found = index.find(Probe{key, hash}, Hash(), Same());
        if (found != index.end()) return std::swap(found->mapped, mapped);
        entries_.push_back(Entry{std::move(key), hash, std::move(mapped)});
    }
    // Takes out what find() gave.
    Entry erase(const Entry& entry) {
        ++erasures_;
        Entry taken = entry;
        entries_.erase(entries_.iterator_to(entry));
        return taken;
    }
    void swap(Table& other) {
        entries_.swap(other.entries_);
        ++erasures_;
        ++other.erasures_;
    }
    void hold_all(const soho::Call& call) {
        for (auto at = entries_.begin(); at != entries_.end(); ++at) {
            entries_.modify(at, [&](Entry& entry) {
                entry.key = call.hold(std::move(entry.key));
                entry.mapped = call.hold(std::move(entry.mapped));
            });
        }
    }

    Value::Array keys() const {
        Value::Array keys;
        keys.reserve(size());
        for (const Entry& entry : *this) keys.push_back(entry.key);
        return keys;
    }

private:
    Entries entries_;
    std::uint64_t erasures_ = 0;
};

constexpr std::int64_t entry_overhead = 64;  // of the nodes and the buckets

// Through the keys of a container that has `const Table& table()`.
template <class Owner>
class TableCursor : public Cursor {
public:
    TableCursor(std::shared_ptr<Owner> owner, bool back)
        : owner_(std::move(owner)),
          back_(back),
          size_(owner_->table().size()),
          erasures_(owner_->table().erasures()),
          left_(size_),
          at_(back ? owner_->table().end() : owner_->table().begin()) {}

    std::mutex& mutex() override { return owner_->mutex(); }
    bool next(Value& out) override {
        const Table& table = owner_->table();
        if (table.size() != size_) lost_ = Owner::resized;
        if (lost_ == nullptr && table.erasures() != erasures_) lost_ = Owner::replaced;
        if (lost_ != nullptr) throw soho::Error("RuntimeError", lost_);
        if (left_ == 0) return false;
        --left_;
        out = back_ ? (--at_)->key : (at_++)->key;
        return true;
    }
    std::size_t left() const override { return owner_->table().size() == size_ ? left_ : 0; }

private:
    std::shared_ptr<Owner> owner_;
    bool back_;
    const char* lost_ = nullptr;
    std::size_t size_;
    std::uint64_t erasures_;
    std::size_t left_;
    Table::const_iterator at_;
};

}  // namespace shared
