#pragma once
// Memory for an asynchronous operation that its owner has one of at a time, inside the owner. Without it each operation asks for memory
// of its own when it begins.

#include <array>
#include <cstddef>
#include <new>

namespace soho::host {

class OperationMemory {
public:
    OperationMemory() = default;
    OperationMemory(const OperationMemory&) = delete;
    OperationMemory& operator=(const OperationMemory&) = delete;

    void* allocate(std::size_t size) {
        if (used_ || size > bytes_.size()) return ::operator new(size);
        used_ = true;
        return bytes_.data();
    }
    void free(void* memory) {
        if (memory != bytes_.data()) return ::operator delete(memory);
        used_ = false;
    }

private:
    alignas(std::max_align_t) std::array<std::byte, 136> bytes_;
    bool used_ = false;
};

// For asio::bind_allocator. The memory outlives the operation.
template <class T>
class OperationAllocator {
public:
    using value_type = T;

    explicit OperationAllocator(OperationMemory& memory) : memory_(&memory) {}
    template <class Other>
    OperationAllocator(const OperationAllocator<Other>& other) : memory_(other.memory()) {}

    T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
    void deallocate(T* at, std::size_t) { memory_->free(at); }
    OperationMemory* memory() const { return memory_; }
    bool operator==(const OperationAllocator&) const = default;

private:
    OperationMemory* memory_;
};

}  // namespace soho::host
