#pragma once
// A folder for what a plugin that is tried leaves, and for sockets.

#include <string>

namespace soho::host::tool {

// One that only this user can reach, until this goes.
class PrivateFolder {
public:
    PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder();

    const std::string& path() const { return path_; }    // empty: it could not be made
    const std::string& place() const { return place_; }  // where it lies

private:
    std::string place_ = "/tmp", path_;
};

}  // namespace soho::host::tool
