// What a host says about a type, as the client reads it.
#include <soho/client/description.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    soho::TypeDescription description;
    soho::data::Reader reader(soho::data::Bytes(data, size));
    soho::data::DecodeContext context;
    if (soho::data::Codec<soho::TypeDescription>::decode(reader, description, context)) {
        for (const auto& [name, method] : description.methods) static_cast<void>(method.has_flag("blocking"));
    }
    return 0;
}
