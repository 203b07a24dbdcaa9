"""Builds the package, and its tests, below a build directory: the source tree is left as it is.

    prepare.py BUILD_DIRECTORY

Prints the directory. What npm installs is kept for as long as package-lock.json is the same.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent
COPIED = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "tsconfig.test.json", "README.md", "LICENSE", "src", "test")
NODE_MIN = 18


def debians_or_any(name):
    """The system's own program, so that what is tested is what Debian has; else whatever the user has."""
    system = pathlib.Path("/usr/bin", name)
    found = str(system) if system.exists() else shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not installed: ./dev installs what the tests need, or apt-get install nodejs npm")
    return found


def run(what, *command, cwd, hint=""):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{what} failed ({' '.join(command)}, in {cwd}):\n{done.stdout}{hint}")
    return done.stdout


def copy_sources(directory):
    """As they are now, without what has gone; what is unchanged keeps its time."""
    wanted = {}
    for name in COPIED:
        origin = SOURCE / name
        for file in [origin] if origin.is_file() else sorted(origin.rglob("*")):
            if file.is_file():
                wanted[file.relative_to(SOURCE)] = file
    gone = [file for folder in ("src", "test") for file in (directory / folder).rglob("*.ts") if file.relative_to(directory) not in wanted]
    if gone:  # and so shall be what was made of them
        for file in gone:
            file.unlink()
        for folder in ("dist", "out"):
            shutil.rmtree(directory / folder, ignore_errors=True)
    for relative, file in wanted.items():
        target = directory / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != file.read_bytes():
            shutil.copyfile(file, target)


def install(directory, npm):
    lock = (directory / "package-lock.json").read_bytes()
    stamp, wanted = directory / "node_modules" / ".installed", hashlib.sha256(lock).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    run("npm ci", npm, "ci", "--no-audit", "--no-fund", cwd=directory,
        hint="This needs a registry of npm packages that can be reached, or npm's cache of these: `npm config get registry` says which is asked.\n")
    stamp.write_text(wanted)


def main():
    directory = pathlib.Path(sys.argv[1]).resolve() / "node"
    directory.mkdir(parents=True, exist_ok=True)
    node, npm = debians_or_any("node"), debians_or_any("npm")
    os.environ["PATH"] = f"{pathlib.Path(node).parent}:{os.environ['PATH']}"  # npm's is the same one
    version = run("node", node, "--version", cwd=directory).strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_MIN:
        sys.exit(f"{node} is {version}: soho's client needs Node {NODE_MIN} or newer")
    with open(directory / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy_sources(directory)
        install(directory, npm)
        compiler = directory / "node_modules" / "typescript" / "bin" / "tsc"
        for project in ("tsconfig.json", "tsconfig.test.json"):
            run("the TypeScript compiler", node, str(compiler), "-p", project, cwd=directory)
    print(directory)


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
