"""A host to attack: with a Unix socket, TCP and TLS, and, where root runs the tests, strangers who are somebody else."""
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile

from soho_e2e import BIN, BUNDLED, PAIR, Host, Refused, plugin

NOBODY = 65534
CONFIG = """
[host]
plugins = [{plugins}]
strict = true
[login]
keys = "{directory}/keys"
[tls]
certificate = "{directory}/host.pem"
key = "{directory}/host.key"
[limits]
ticket_ttl_ms = 2000
login_ms = 30000
{limits}
[[access]]
who = "uid:{nobody}"
rights = ["create", "call", "share", "publish"]
"""
LISTEN = ["--listen", "tcp:127.0.0.1:0", "--listen", "tls:127.0.0.1:0"]
OPENSSL = ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost "
           "-out host.pem -keyout host.key").split()


class Target(Host):
    """Its Unix socket is open to all users: nobody (65534) may create, call, share and publish, but what others have is out of reach."""

    def __init__(self, *plugins, limits="", args=()):
        directory = tempfile.mkdtemp(prefix="soho-target-")
        os.chmod(directory, 0o755)
        file = pathlib.Path(directory) / "keys"
        file.touch(0o600)
        file.write_bytes(subprocess.run([BIN / "soho", "keygen", "owner"], check=True, capture_output=True).stdout)
        subprocess.run(OPENSSL, cwd=directory, check=True, capture_output=True)
        os.chmod(pathlib.Path(directory) / "host.key", 0o600)
        files = ", ".join(f'"{file}"' for file in (PAIR, BUNDLED / "sync.so", *plugins))
        config = CONFIG.format(plugins=files, directory=directory, limits=limits, nobody=NOBODY)
        # A sanitizer's host keeps what it freed, to see it used: by itself up to 256 MiB, among which a leak would not be seen.
        options = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=64"
        super().__init__(directory=directory, config=config, args=[*LISTEN, *args], environment={"ASAN_OPTIONS": options})
        self.owns_directory = True
        os.chmod(self.path, 0o666)
        found = re.findall(r"listens on ((\w+):\S+)\n", self.output())
        self.addresses = {transport: address for address, transport in found}

    def names(self):
        return {entry["name"] for entry in self.admin.do("soho.names")}

    def sweep(self, names):
        """Takes away what an operator would have to, after attackers: published names, and objects that only hold themselves or each other.
        Everything else must go by itself."""
        for name in self.names() - names:
            self.admin.do("soho.unpublish", name)
        for each in self.admin.do("soho.objects"):
            if each["holders"] and all(holder.startswith("object #") for holder in each["holders"]):
                with contextlib.suppress(Refused):  # it has just gone by itself
                    self.admin.do("soho.drop", each["id"])

    def wake(self):
        """Has every reactor serve somebody: they open what they need then."""
        clients = [self.client() for _ in range(2 * os.cpu_count())]
        for client in clients:
            client.do("soho.ping")
        for client in clients:
            client.close()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))
