"""packages_test.py FOLDER-WITH-PACKAGES [--keep] [--root TAR]: the packages, in a minimal Debian 12 that has nothing else.

Installs them, runs the service's command as its user, follows GUIDE.md word for word, builds projects with find_package and with
pkg-config, upgrades to a higher version, removes and purges, and finds nothing left behind. Root only; ./dev test-packages runs it.
--keep leaves the root for a look. --root takes the minimal Debian from a tar instead of making one.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent
sys.path.insert(0, str(HERE / "tests"))
import guide_steps

PATIENCE = 120  # seconds; what only a defect reaches
NAMES = ["sohod", "soho", "libsoho-client1", "libsoho-client-dev", "libsoho-dev", "soho-sdk", "python3-soho"]
CONFIG = "/etc/soho/sohod.toml"
SOCKET = "/run/sohod/sohod.sock"
# What dpkg, apt and the programs that every package triggers write for themselves.
OTHERS = re.compile(r"/(var/(cache|log|lib/(dpkg|apt|systemd)|backups)|proc|sys|dev|srv|tmp|run/(systemd|lock|mount))(/|$)"
                    r"|/etc/(ld\.so\.cache|\.pwd\.lock|(passwd|group|shadow|gshadow)-|mtab|machine-id)$|/__pycache__(/|$)|\.pyc$")


class Failed(Exception):
    pass


def check(condition, sentence):
    if not condition:
        raise Failed(sentence)


def say(text):
    print(f"test-packages: {text}", file=sys.stderr, flush=True)


class Root:
    """A Debian in a folder, and commands run inside it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.started = []

    def path(self, inside):
        return self.folder / inside.lstrip("/")

    def command(self, user, command):
        home = "/root" if user == "root" else f"/srv/{user}"
        environment = ["env", "-i", f"HOME={home}", f"USER={user}", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                       "DEBIAN_FRONTEND=noninteractive"]
        environment += [f"{name}={os.environ[name]}" for name in ("http_proxy", "https_proxy") if name in os.environ]
        as_user = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return ["chroot", str(self.folder), *environment, *as_user, "bash", "-c", command]

    def run(self, command, user="root", fails=False, place="/"):
        done = subprocess.run(self.command(user, f"cd {place} && {command}"), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=1800)
        if (done.returncode != 0) != fails:
            raise Failed(f"{user}: {command}\nended with {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout.strip("\n") if not fails else done.stdout + done.stderr

    def start(self, command, user, output=subprocess.DEVNULL):
        process = subprocess.Popen(self.command(user, "exec " + command), stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, text=True)
        self.started.append(process)
        return process

    def until(self, command, user="root", place="/"):
        end = time.monotonic() + PATIENCE
        while subprocess.run(self.command(user, f"cd {place} && {command}"), capture_output=True, stdin=subprocess.DEVNULL).returncode != 0:
            check(time.monotonic() < end, f"{command} did not become true")
            time.sleep(0.1)

    def files(self):
        found = self.run(r"find / -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -print")
        return {path for path in found.splitlines() if not OTHERS.match(path)}


def unshown(folder):
    return [str(path) for path in sorted(folder.glob("*.deb")) if "-dbgsym_" not in path.name]


# --- the packages ----------------------------------------------------------------------------------------------------

def raise_version(folder, target):
    """The same packages under a higher version, with a default config that has changed too: an upgrade that asks the hard question."""
    target.mkdir()
    for package in unshown(folder):
        with tempfile.TemporaryDirectory() as opened:
            subprocess.run(["dpkg-deb", "-R", package, opened], check=True)
            control = pathlib.Path(opened, "DEBIAN", "control")
            version = re.search(r"^Version: (.*)$", control.read_text(), re.M)[1]
            higher = version + "+upgraded"
            control.write_text(control.read_text().replace(f"Version: {version}\n", f"Version: {higher}\n")
                               .replace(f"(= {version})", f"(= {higher})"))
            config = pathlib.Path(opened, CONFIG.lstrip("/"))
            if config.exists():
                config.write_text(config.read_text() + "# A newer version's default.\n")
            subprocess.run(["dpkg-deb", "--root-owner-group", "-b", opened, target], check=True, stdout=subprocess.DEVNULL)


def brings_dependencies(root, folder):
    """All that the packages need, without them; so what a purge leaves can be told from what others leave."""
    root.path("/srv/packages").mkdir(exist_ok=True)
    needed = set()
    for package in unshown(folder):
        shutil.copy(package, root.path("/srv/packages"))
        depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True, capture_output=True, text=True).stdout
        needed |= {word.strip() for word in depends.split(",") if word.split()[0] not in NAMES}
    for name in NAMES:
        check(list(root.path("/srv/packages").glob(f"{name}_*.deb")), f"{folder} has no package {name}: ./dev package")
    root.run("apt-get update")
    root.run(f"apt-get satisfy --yes --no-install-recommends {shlex.quote(', '.join(sorted(needed)))}")
    root.run("useradd --create-home --home-dir /srv/you --shell /bin/bash you")
    # deb-systemd-invoke asks systemctl only where systemd runs: here it believes so, and what it asks for is written down.
    root.path("/run/systemd/system").mkdir(parents=True, exist_ok=True)
    watch_systemctl(root)


def installs(root):
    told = root.run("apt-get install --yes --no-install-recommends /srv/packages/*.deb")
    check(f"0 upgraded, {len(NAMES)} newly installed, 0 to remove" in told, f"more was installed than the {len(NAMES)}:\n{told}")
    asked = asked_of_systemctl(root)
    check(re.search(r"start .*sohod\.service", asked) and re.search(r"start .*sohod\.socket", asked),
          f"an installation does not start the service and its socket:\n{asked}")


def watch_systemctl(root):
    """In place of systemctl: notes what it is asked, and says that the service runs."""
    root.run("dpkg-divert --local --rename --add /bin/systemctl")
    stand_in = root.path("/bin/systemctl")
    stand_in.write_text('#!/bin/sh\necho "$*" >>/var/log/systemctl\ncase "$*" in *is-enabled*) echo enabled ;; esac\nexit 0\n')
    stand_in.chmod(0o755)


def asked_of_systemctl(root):
    log = root.path("/var/log/systemctl")
    text = log.read_text() if log.exists() else ""
    log.unlink(missing_ok=True)
    return text


def development_is_for_many_architectures(root):
    """What is needed to build for another architecture can stand beside the same for this one, all the way down."""
    wanted, seen = ["libsoho-client-dev"], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        kind, depends = root.run(f"dpkg-query -W -f '${{Multi-Arch}}|${{Depends}}' {name}").split("|", 1)
        check(kind in ("same", "foreign"), f"libsoho-client-dev needs {name}, of which there is only one: Multi-Arch is {kind!r}")
        if name in NAMES and kind == "same":
            wanted += [re.split(r"[ :]", word.strip())[0] for word in depends.split(",") if word.strip()]
    check("soho-sdk" not in seen, "libsoho-client-dev brings the tool of plugin authors")


# --- the service -----------------------------------------------------------------------------------------------------

def unit_value(root, key):
    text = root.path("/lib/systemd/system/sohod.service").read_text()
    return re.search(rf"^{key}=(.*)$", text, re.M)[1]


@contextlib.contextmanager
def service(root, before="", command=None):
    """The service's command as its user, without a privilege, where it may not make memory executable: as its unit has it."""
    user = unit_value(root, "User")
    root.run(f"mkdir -p /run/sohod /var/lib/soho && chown {user}: /run/sohod /var/lib/soho")
    confined = "import ctypes, os, sys; assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) in (0, -1); os.execvp(sys.argv[1], sys.argv[1:])"
    words = command or unit_value(root, "ExecStart")
    process = root.start(f"setpriv --reuid={user} --regid={user} --init-groups --no-new-privs --bounding-set=-all --inh-caps=-all "
                         f"{before} python3 -c {shlex.quote(confined)} {words}", "root", subprocess.PIPE)
    try:
        root.until("soho ping")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
    check(process.returncode == 0, f"the service ended with {process.returncode}:\n{output}")
    check("refused" not in output, f"the service refused something:\n{output}")


def units_are_sound(root):
    root.run("sohod --check-config --config /etc/soho/sohod.toml")
    check(root.run("soho ping", fails=True), "nobody should have answered")
    if root.path("/usr/bin/systemd-analyze").exists():
        root.run("systemd-analyze verify --man=no /lib/systemd/system/sohod.service /lib/systemd/system/sohod.socket")
        told = root.run("systemd-analyze security --offline=true --no-pager sohod.service 2>&1 | tail -1")
        say(told.strip("→ ").strip())


def readme_blocks():
    readme = (SOURCES / "README.md").read_text()
    consoles = re.findall(r"<!-- run -->\n```console\n(.*?)```", readme, re.S)
    pythons = re.findall(r"```python run\n(.*?)```\n```output\n(.*?)```", readme, re.S)
    check(consoles and pythons, "README.md has no blocks to run")
    return consoles, pythons


def service_serves(root):
    consoles, pythons = readme_blocks()
    with service(root) as process:
        for block in consoles:
            for _, command, expected in guide_steps.console_steps(block):
                follow(root, "root", command, expected, "/")
        for program, expected in pythons:
            root.path("/var/tmp/readme.py").write_text(program)
            found = root.run("python3 /var/tmp/readme.py")
            check(found == expected.strip("\n"), f"README's Python printed {found!r}, not {expected!r}")
        root.path("/var/tmp/readme.py").unlink()
        # Nobody else is let in, and a reload takes what the admin changed.
        root.run("soho ping", user="you", fails=True)
        root.path(CONFIG).write_text(root.path(CONFIG).read_text() + 'log_level = "info"\n')
        process.send_signal(signal.SIGHUP)
        root.run("soho reload")
        check(process.poll() is None, "the service ended on a reload")


def socket_unit_serves(root):
    if not root.path("/usr/bin/systemd-socket-activate").exists():
        say("systemd-socket-activate is not there: the socket unit was not tried")
        return
    listen = re.search(r"^ListenStream=(.*)$", root.path("/lib/systemd/system/sohod.socket").read_text(), re.M)[1]
    check(listen == SOCKET, f"sohod.socket listens at {listen}, the config at {SOCKET}")
    root.path(SOCKET).unlink(missing_ok=True)
    command = unit_value(root, "ExecStart")
    with service(root, before=f"systemd-socket-activate --listen={SOCKET}", command=command):
        check(root.run("soho call pair get_x") == "5", "the activated service does not serve")


# --- the guide -------------------------------------------------------------------------------------------------------

def follow(root, user, command, expected, place):
    found = root.run(command, user, place=place)
    check(guide_steps.output_pattern(expected).fullmatch(found), f"{user}: {command}\nprinted {found!r}, not {expected!r}")


def guide_works(root):
    began, home = {}, "/srv/you"
    for kind, *step in guide_steps.steps((SOURCES / "GUIDE.md").read_text()):
        if kind == "write":
            root.path(f"{home}/{step[0]}").write_text(step[1])
            root.run(f"chown you: {home}/{step[0]}")
            continue
        user, command, expected = step
        start = time.monotonic()
        if command.endswith("&"):
            root.start(f"bash -c {shlex.quote(f'cd {home}; exec ' + command.removesuffix('&'))}", user)
            root.until("soho ping", user, home)
        elif user == "root":
            root.run(command, place="/srv/packages")
        else:
            follow(root, user, command, expected, home)
            if command == "soho shutdown":
                root.started[-1].wait(PATIENCE)
        began[command] = time.monotonic() - start
    check(began, "GUIDE.md has no steps")
    scaffold = sum(seconds for command, seconds in began.items() if "tally" in command)
    say(f"GUIDE.md: {len(began)} commands; from `soho plugin new` to a passing check {scaffold:.1f} s")


def installed_plugin_is_served(root):
    """The new project of GUIDE.md, installed as its README says, by the service with the config that the package brought."""
    readme = root.path("/srv/you/tally/README.md").read_text()
    check("    sudo cmake --install build\n" in readme and "`/usr/local/lib/soho/plugins`" in readme, "a new project's README says nothing of installing")
    root.run("cmake --install build", place="/srv/you/tally")
    with service(root):
        told = root.run("soho create --as mine Tally && soho call mine add 2 && soho plugins")
        check("/usr/local/lib/soho/plugins/tally.so" in told, f"the service does not host what was installed:\n{told}")
    root.run("rm /usr/local/lib/soho/plugins/tally.so")


def projects_build(root):
    """The tutorial plugin, a plugin in C and a client, with find_package and with pkg-config."""
    shutil.copytree(HERE / "tests" / "out_of_tree", root.path("/srv/projects"))
    shutil.copy(SOURCES / "plugins" / "pair" / "pair.cpp", root.path("/srv/projects/cpp"))
    for name in ("pair_writer.cpp", "pair_proxy.hpp"):
        shutil.copy(SOURCES / "clients" / "cpp" / "examples" / name, root.path("/srv/projects"))
    root.run("chown -R you: /srv/projects")
    for project in ("cpp", "c"):
        root.run(f"cmake -S {project} -B {project}/build && cmake --build {project}/build", "you", place="/srv/projects")
    root.run("g++ -std=c++20 pair_writer.cpp -o pair_writer $(pkg-config --cflags --libs soho-client)", "you", place="/srv/projects")
    root.run("gcc -shared -fPIC c/plain.c -o plain.so $(pkg-config --cflags --libs soho-sdk)", "you", place="/srv/projects")
    exported = root.run("nm -D --defined-only cpp/build/pair.so plain.so | awk 'NF == 3 {print $3}' | sort -u", "you", place="/srv/projects")
    check(exported == "soho_plugin_entry", f"plugins export more than their entry: {exported}")
    # An installed plugin, a client of each kind.
    root.start("sohod --plugin /srv/projects/cpp/build/pair.so", "you")
    root.until("soho ping", "you")
    root.run("/srv/projects/cpp/build/my_client", "you")
    check("(7, 8)" in root.run("/srv/projects/pair_writer", "you"), "pair_writer did not set the pair")
    root.run("soho shutdown", "you")
    root.started[-1].wait(PATIENCE)


def version_checks_hold(root):
    for wanted, fits in (("0.1", True), ("0.2", False), ("1.0", False), ("0.0", False)):
        project = f"cmake_minimum_required(VERSION 3.16)\nproject(x CXX)\nfind_package(soho {wanted} CONFIG REQUIRED COMPONENTS sdk client)\n"
        root.path("/srv/projects/version").mkdir(exist_ok=True)
        root.path("/srv/projects/version/CMakeLists.txt").write_text(project)
        root.run("rm -rf /srv/projects/version/build && cmake -S /srv/projects/version -B /srv/projects/version/build", fails=not fits)
    root.path("/srv/projects/version/CMakeLists.txt").write_text(project.replace(" 0.0", "").replace("client", "server"))
    told = root.run("rm -rf /srv/projects/version/build && cmake -S /srv/projects/version -B /srv/projects/version/build", fails=True)
    check('no component "server"' in told, f"a component that is not there is not named:\n{told}")


# --- up and away -----------------------------------------------------------------------------------------------------

def upgrades(root, folder):
    config = root.path(CONFIG)
    changed = config.read_text() + "# The admin was here.\n"
    config.write_text(changed)
    shutil.rmtree(root.path("/srv/packages"))
    raise_version(folder, root.path("/srv/packages"))
    asked_of_systemctl(root)
    root.run("apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold /srv/packages/*.deb")
    for name in NAMES:
        version = root.run(f"dpkg-query -W -f '${{Version}}' {name}")
        check(version.endswith("+upgraded"), f"{name} stayed at {version}")
    check(config.read_text() == changed, "the upgrade did not keep what the admin changed")
    check(root.path(CONFIG + ".dpkg-dist").exists(), "the newer default was not left beside it")
    asked = asked_of_systemctl(root)
    check(re.search(r"restart .*sohod\.service", asked), f"an upgrade does not restart the service:\n{asked}")
    check(not re.search(r"stop .*sohod\.(service|socket)|restart .*sohod\.socket", asked), f"an upgrade stops more than it has to:\n{asked}")
    with service(root):
        check(root.run("soho call pair get_x") == "5", "the upgraded service does not serve")


def goes_without_a_trace(root, before):
    root.run("usermod --append --groups soho you")  # as an operator's account may well be
    root.run(f"apt-get remove --yes {' '.join(NAMES)}")
    asked = asked_of_systemctl(root)
    check(re.search(r"stop .*sohod\.service", asked), f"a removal does not stop the service:\n{asked}")
    check(root.path(CONFIG).exists(), "a removal took the config along")
    check(not root.path("/usr/bin/sohod").exists(), "a removal left the host")
    root.run(f"dpkg --purge {' '.join(NAMES)}")
    owned = set(root.run("cat /var/lib/dpkg/info/*.list").splitlines())
    left = sorted(path for path in root.files() - before if path not in owned)
    check(not left, "a purge leaves behind: " + ", ".join(left))
    named = root.run("grep -ls soho /etc/passwd /etc/group /etc/shadow /etc/gshadow; find / -xdev -not -path '/srv/packages*' -name '*soho*' || true")
    check(not named, f"a purge leaves behind: {named}")


def spares_an_account_of_that_name(root):
    """Of a person who was there before the package."""
    root.run("useradd --uid 1500 --user-group --create-home --home-dir /srv/soho --shell /bin/bash soho")
    root.run("apt-get install --yes --no-install-recommends /srv/packages/sohod_*.deb && apt-get purge --yes sohod")
    check(root.run("getent passwd soho") == "soho:x:1500:1500::/srv/soho:/bin/bash", "a purge took a person's account, or changed it")
    check(root.run("getent group soho").startswith("soho:x:1500:"), "a purge took a person's group")
    root.run("userdel --remove soho")


# --- the whole -------------------------------------------------------------------------------------------------------

def make_root(folder, tar):
    if tar:
        folder.mkdir()
        subprocess.run(["tar", "-C", folder, "-xf", tar], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", folder / "proc"], check=True)
    else:
        subprocess.run([HERE / "minimal-root", folder], check=True)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("folder", type=pathlib.Path)
    words.add_argument("--keep", action="store_true")
    words.add_argument("--root", metavar="TAR")
    given = words.parse_args()
    if os.geteuid() != 0:
        sys.exit("test-packages: only root can make a root directory: sudo ./dev test-packages")
    work = pathlib.Path(tempfile.mkdtemp(prefix="soho-packages."))
    root = Root(work / "root")
    began = time.monotonic()

    def step(function, *arguments):
        start = time.monotonic()
        result = function(*arguments)
        say(f"{function.__name__.replace('_', ' ')}: {time.monotonic() - start:.1f} s")
        return result

    try:
        step(make_root, root.folder, given.root)
        step(brings_dependencies, root, given.folder)
        before = step(root.files)
        step(installs, root)
        step(development_is_for_many_architectures, root)
        step(units_are_sound, root)
        step(service_serves, root)
        step(socket_unit_serves, root)
        step(upgrades, root, given.folder)
        step(goes_without_a_trace, root, before)
        step(spares_an_account_of_that_name, root)
        step(guide_works, root)  # which installs them again
        step(installed_plugin_is_served, root)
        step(projects_build, root)
        step(version_checks_hold, root)
        say(f"passed in {time.monotonic() - began:.0f} s")
        return 0
    except Failed as failure:
        say(f"FAILED: {failure}")
        return 1
    finally:
        for process in root.started:  # each has become, by exec, the program that it was started for
            process.kill()
            process.wait()
        subprocess.run([HERE / "minimal-root", "--unmount", root.folder])
        if given.keep:
            say(f"left {root.folder}")
        else:
            shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
