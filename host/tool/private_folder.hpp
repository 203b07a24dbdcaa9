#pragma once
// A folder for what a plugin that is tried leaves, and for sockets.

#include <string>

namespace soho::host::tool {

// $XDG_RUNTIME_DIR, else /tmp.
std::string runtime_folder();

// One that only this user can reach, until this goes.
class PrivateFolder {
public:
    explicit PrivateFolder(std::string place = runtime_folder());
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder();

    const std::string& path() const { return path_; }    // empty: it could not be made
    const std::string& place() const { return place_; }  // where it lies

private:
    std::string place_, path_;
};

}  // namespace soho::host::tool
