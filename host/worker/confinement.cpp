#include "host/worker/confinement.hpp"

#include "host/worker/landlock.hpp"
#include "host/worker/syscall_filter.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <cerrno>
#include <cstring>

namespace soho::host {

Result<int> confine(const Confinement& confinement, const std::string& plugin_file) {
    if (!confinement.confines()) return -1;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)  // of an ordinary user, both want it
        return refuse(Code::unavailable, std::string("it cannot be confined: no_new_privs: ") + std::strerror(errno));
    const int landlock = landlock_abi();
    if (auto entered = enter_landlock(confinement, plugin_file, landlock); !entered)
        return tl::unexpected<Error>(entered.error());
    return filter_syscalls(confinement, landlock);
}

std::string in_words(const Confinement& confinement) {
    std::string words = fmt::format("worker_syscalls = \"{}\"", confinement.syscalls);
    if (confinement.read_paths) words += ", with worker_read_paths";
    if (confinement.write_paths) words += ", with worker_write_paths";
    return words;
}

}  // namespace soho::host
