// The host's operator new, plugins' as well: as the standard one, but that large requests fail at once. The spare memory that the
// new-handler gives (host/object/spare_memory.hpp) is for small ones.

#include <soho/data/writer.hpp>

#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SOHO_SANITIZED
#endif
#endif
#if !defined(SOHO_SANITIZED) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void* operator new(std::size_t size) {
    for (;;) {
        if (void* const memory = std::malloc(size != 0 ? size : 1)) return memory;
        soho::data::ask_for_memory(size);
    }
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
