#pragma once
// Private copies of plugin files. To load a version of a plugin beside one that is loaded takes a file of its own: the dynamic linker
// gives what it has for a path or an inode that it knows, and who overwrites a file that is mapped changes running code.

#include "host/registry/note.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace soho::host {

struct PluginCopy {
    std::string source;  // the canonical path of what was copied
    std::string file;    // the copy
    std::string sha256;  // of both
    Note note;
};

// For one thread at a time. Copies stay when this goes, for core dumps; those of the last few hosts that have ended, too.
class PluginCopies {
public:
    explicit PluginCopies(std::string folder) : folder_(std::move(folder)) {}
    PluginCopies(const PluginCopies&) = delete;
    PluginCopies& operator=(const PluginCopies&) = delete;
    ~PluginCopies();

    // Copies a plugin file that only its owner and root could have written, into a folder of this host's alone. Each copy is a file of
    // its own, that of the same content as well. Fails with a sentence that names the file or the folder, and the remedy.
    Result<PluginCopy> make(const std::string& file);
    // One that nobody needs any more.
    static void remove(const PluginCopy& copy);

private:
    Result<void> prepare();
    Result<void> make_own_folder();
    void remove_stale() const;

    const std::string folder_;
    std::string own_;                            // this host's, in it; empty: there is none yet
    int descriptor_ = -1;                        // of that folder: locked for as long as this host lives
    std::map<std::string, std::uint64_t> made_;  // by content
};

// Where copies go if nothing says: in the service's state folder, else in the user's.
std::string default_copies_folder();

// What tells that a file is not the one it was, without reading it.
struct FileStamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t changed_ns = 0;

    bool operator==(const FileStamp&) const = default;
};
// All zero where there is none.
FileStamp stamp_of(const std::string& file);

}  // namespace soho::host
