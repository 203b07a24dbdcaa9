"""Who may come in, by which door, and what the rules let them do: keys, tokens, certificates, TLS, [[access]]."""
import hashlib
import hmac
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import BIN, PAIR, Client, Closed, Refused, hosted

RULES = """
[[access]]
who = ["key:ci", "cert:alice", "token:old"]
types = ["get_pair", "Pair"]
methods = "get_*"
rights = ["create", "call"]

[[access]]
who = "key:boss"
rights = ["create", "call", "share", "publish", "admin"]
"""


class Folder:
    """Keys, tokens and certificates, made by the tools that people make them with."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="soho-login-"))
        self.write("keys", soho("keygen", "ci") + soho("keygen", "boss") + soho("keygen", "idle"))
        self.write("wrong", soho("keygen", "ci"))
        self.write("tokens", soho("keygen", "--bearer", "old"))

    def write(self, name, text):
        file = self.path / name
        file.write_text(text)
        file.chmod(0o600)

    def __getitem__(self, name):
        return str(self.path / name)

    def secret(self, file, name):
        return dict(line.split() for line in pathlib.Path(self[file]).read_text().splitlines())[name]

    def make_certificates(self):
        self.run("req", "-x509", *KEY, "-out", "ca.pem", "-keyout", "ca.key", "-subj", "/CN=test authority", "-days", "2")
        for name in ("localhost", "alice", "b/d"):
            file = name.replace("/", "_")
            self.run("req", *KEY, "-out", file + ".csr", "-keyout", file + ".key", "-subj", "/CN=" + name.replace("/", "\\/"))
            self.write("names", f"subjectAltName=DNS:{file},IP:127.0.0.1\n")
            self.run("x509", "-req", "-in", file + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                     "-extfile", "names", "-out", file + ".pem")

    def run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.path, check=True, capture_output=True)


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def soho(*words, code=0, **variables):
    """What the shell command prints; with another code, its complaint."""
    done = subprocess.run([BIN / "soho", *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **variables})
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


class Logins(unittest.TestCase):
    LISTEN = "tcp:127.0.0.1:0"
    ARGS = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder.path)

    def setUp(self):
        self.host = self.start()

    def start(self, more="", listen=None):
        config = f'[login]\nkeys = "{self.folder["keys"]}"\ntokens = "{self.folder["tokens"]}"\n{more}{RULES}'
        return hosted(self, PAIR, config=config, listen=listen or self.LISTEN, args=["--publish", "p=get_pair", *self.ARGS])

    def soho(self, *words, **options):
        return soho("--host", self.host.address, *words, **options)


class Keys(Logins):
    def test_the_clients_log_in(self):
        self.assertEqual(self.soho("--key", self.folder["keys"], "call", "p", "get_x"), "5\n")
        self.assertEqual(self.soho("call", "p", "get_x", SOHO_KEY=self.folder["keys"]), "5\n")
        self.assertIn("key:boss", self.soho("--key", self.folder["keys"], "--key-name", "boss", "whoami"))
        self.assertEqual(self.soho("--token", self.folder["tokens"], "call", "p", "get_y"), "6\n")

    def test_without_or_with_a_wrong_key_they_are_told(self):
        self.assertIn("it wants a login: give a key (SOHO_KEY=FILE", self.soho("types", code=3))
        self.assertIn("no such key or token, or the proof is wrong", self.soho("--key", self.folder["wrong"], "types", code=3))
        self.assertIn('has no key "who"', self.soho("--key", self.folder["keys"], "--key-name", "who", "types", code=3))
        pathlib.Path(self.folder["wrong"]).chmod(0o644)
        self.addCleanup(pathlib.Path(self.folder["wrong"]).chmod, 0o600)
        self.assertIn("open to other users (mode 0644): chmod 600 it", self.soho("--key", self.folder["wrong"], "types", code=3))

    def test_a_raw_client_logs_in_as_the_protocol_says(self):
        key, nonce = bytes.fromhex(self.folder.secret("keys", "ci")), os.urandom(32)
        client = Client(self.host.address, proto=1, nonce=nonce)
        self.addCleanup(client.close)
        welcome = client.greeting
        self.assertEqual((welcome["authenticated"], welcome["principal"]), (False, "nobody"))
        self.assertEqual(welcome["mechs"], ["hmac-sha256-1", "token"])
        self.assertNotIn("session", welcome)

        def proof(side):
            return hmac.digest(key, b"soho-login-1 " + side + b"\0" + nonce + welcome["nonce"] + b"\0ci", hashlib.sha256)

        done = client.do("soho.auth", "hmac-sha256-1", "ci", proof(b"client"))
        self.assertEqual(done["principal"], "key:ci")
        self.assertEqual(done["proof"], proof(b"host"))
        self.assertEqual(client.do("p.get_x"), 5)

    def test_a_token_needs_no_hello(self):
        client = Client(self.host.address)
        self.addCleanup(client.close)
        with self.assertRaisesRegex(Refused, "unauthenticated: log in first"):
            client.do("p.get_x")
        client.do("soho.auth", "token", self.folder.secret("tokens", "old"))
        self.assertEqual(client.do("p.get_x"), 5)

    def test_three_failures_close_the_connection(self):
        client = Client(self.host.address)
        self.addCleanup(client.close)
        for _ in range(3):
            with self.assertRaisesRegex(Refused, "^unauthenticated: no such key or token"):
                client.do("soho.auth", "token", "guess guess guess guess")
        self.assertEqual(client.closed(), [])
        self.host.logs("failed (3 of 3)")
        self.assertNotIn("guess", self.host.log())

    def test_before_the_login_frames_are_small(self):
        client = Client(self.host.address)
        self.addCleanup(client.close)
        with self.assertRaises((Refused, Closed)):
            client.do("p.set_x", "x" * 5000)
        with Client(self.host.address) as other:
            other.do("soho.auth", "token", self.folder.secret("tokens", "old"))
            with self.assertRaisesRegex(Refused, "^denied"):
                other.do("p.set_x", "x" * 5000)

    def test_who_never_logs_in_is_closed(self):
        host = self.start(more="[limits]\nlogin_ms = 100\n")
        with Client(host.address) as client:
            self.assertEqual(client.closed(), [])


class Rules(Logins):
    def keyed(self, name="ci"):
        return ("--key", self.folder["keys"], "--key-name", name)

    def test_what_no_rule_gives_is_refused_and_what_is_not_known_is_not_there(self):
        self.assertIn("denied: key:ci may not call get_pair.set_x", self.soho(*self.keyed(), "call", "p", "set_x", "1", code=1))
        self.assertIn('no type "get_pair_ro"', self.soho(*self.keyed(), "describe", "get_pair_ro", code=1))
        self.assertNotIn("get_pair_ro", self.soho(*self.keyed(), "types"))
        self.assertIn("denied: key:ci may not use soho.sessions", self.soho(*self.keyed(), "sessions", code=1))
        self.assertIn("denied: key:idle has no rights here", self.soho(*self.keyed("idle"), "types", code=1))

    def test_an_admin_asks_why(self):
        ask = [*self.keyed("boss"), "access", "check"]
        self.assertEqual(self.soho(*ask, "key:ci", "Pair", "get_x"),
                         f"allowed: the rule at {self.host.directory}/sohod.toml:5 allows it\n")
        self.assertIn("refused: no rule that speaks of key:ci gives the right to call Pair.set_x", self.soho(*ask, "key:ci", "Pair", "set_x"))
        self.assertEqual(self.soho(*ask, "key:idle", "Pair", "get_x"), "refused: no [[access]] rule speaks of key:idle\n")

    def test_a_rule_for_all_is_for_none_who_has_still_to_log_in(self):
        for who in ("*", "nobod?"):
            with self.subTest(who=who):
                host = hosted(self, PAIR, listen=self.LISTEN, config=f'[login]\nkeys = "{self.folder["keys"]}"\n'
                                                                     f'[[access]]\nwho = "{who}"\nrights = ["create", "call"]\n')
                with Client(host.address) as client, self.assertRaisesRegex(Refused, "^unauthenticated"):
                    client.do("soho.create", "get_pair")

    def test_an_object_goes_to_another_principal_by_ticket_only(self):
        with Client(self.host.address) as boss, Client(self.host.address) as old:
            old.do("soho.auth", "token", self.folder.secret("tokens", "old"))
            key, nonce = bytes.fromhex(self.folder.secret("keys", "boss")), os.urandom(32)
            boss.close()
            boss = Client(self.host.address, proto=1, nonce=nonce)
            self.addCleanup(boss.close)
            message = b"soho-login-1 client\0" + nonce + boss.greeting["nonce"] + b"\0boss"
            boss.do("soho.auth", "hmac-sha256-1", "boss", hmac.digest(key, message, hashlib.sha256))
            pair = boss.create("Pair", 1, 2)
            with self.assertRaisesRegex(Refused, "^no_object"):
                old.call(pair, "get_x")
            ticket = boss.do("soho.share", pair, 10_000)
            claimed = old.do("soho.claim", ticket)
            self.assertEqual(old.call(claimed, "get_x"), 1)
            with self.assertRaisesRegex(Refused, "^denied"):
                old.call(claimed, "set_x", 9)


@unittest.skipUnless(shutil.which("openssl"), "no openssl command to make certificates with")
class Tls(Logins):
    LISTEN = "tls:127.0.0.1:0"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder.make_certificates()

    def start(self, more="", listen=None):
        tls = (f'[tls]\ncertificate = "{self.folder["localhost.pem"]}"\nkey = "{self.folder["localhost.key"]}"\n'
               f'client_ca = "{self.folder["ca.pem"]}"\n')
        return super().start(tls + more, listen)

    def trusting(self, *words, **options):
        return self.soho("--tls-ca", self.folder["ca.pem"], *words, **options)

    def test_keys_over_tls(self):
        self.assertEqual(self.trusting("--key", self.folder["keys"], "call", "p", "get_x"), "5\n")
        self.assertEqual(self.soho("--key", self.folder["keys"], "call", "p", "get_x", SOHO_TLS_CA=self.folder["ca.pem"]), "5\n")

    def test_a_certificate_is_a_login(self):
        mine = ("--tls-certificate", self.folder["alice.pem"], "--tls-key", self.folder["alice.key"])
        self.assertIn("cert:alice", self.trusting(*mine, "whoami"))
        self.assertEqual(self.trusting(*mine, "call", "p", "get_x"), "5\n")

    def test_a_certificate_whose_name_is_none_is_refused(self):
        mine = ("--tls-certificate", self.folder["b_d.pem"], "--tls-key", self.folder["b_d.key"])
        self.trusting(*mine, "whoami", code=3)

    def test_a_host_that_is_not_the_one_meant_is_refused(self):
        self.assertIn("the host's certificate is refused", self.soho("--key", self.folder["keys"], "types", code=3))
        self.assertIn("the host's certificate is refused",
                      self.trusting("--tls-name", "elsewhere", "--key", self.folder["keys"], "types", code=3))

    def test_many_calls(self):
        lines = "a = create Pair 1 2\n" + "a.get_x\n" * 500
        done = subprocess.run([BIN / "soho", "--host", self.host.address, "--tls-ca", self.folder["ca.pem"], "--key",
                               self.folder["keys"], "shell"], input=lines, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "1\n" * 500), done.stderr)

    def test_plain_bytes_are_closed(self):
        with Client("tcp:" + self.host.address.split(":", 1)[1]) as client:
            client.raw(b"\x94\0\x07\xa9soho.ping\x90")
            client.closed()
        self.assertEqual(self.trusting("--key", self.folder["keys"], "call", "p", "get_x"), "5\n")


class Doors(unittest.TestCase):
    """What sohod says before it opens a door that anybody could come in by."""

    def refused(self, *words):
        done = subprocess.run([BIN / "sohod", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_tcp_without_a_login(self):
        self.assertIn("Add keys for its clients (soho keygen NAME > FILE, then --keys FILE)", self.refused("--listen", "tcp:127.0.0.1:0"))
        self.assertIn("add --tls-certificate FILE --tls-key FILE", self.refused("--listen", "tls:127.0.0.1:0"))

    def test_files_that_are_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "keys"
            file.write_text("ci abc\n")
            file.chmod(0o600)
            self.assertIn(f"{file}:1: not NAME HEX", self.refused("--listen", "tcp:127.0.0.1:0", "--keys", str(file)))
            self.assertIn(f"TLS certificate {file}: ", self.refused("--tls-certificate", str(file), "--tls-key", str(file)))

    def test_access_rules_that_are_wrong_are_shown(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "sohod.toml"
            for text, complaint in (("[[access]]\nwho = 'key:a'\nright = ['call']\n", ':3:1: no key "right" in [[access]]; did you mean "rights"?'),
                                    ("[[access]]\nwho = 'key:a'\nrights = ['cal']\n", 'did you mean "call"?'),
                                    ("[[access]]\nrights = ['call']\n", ':1:1: [[access]] lacks "who"'),
                                    ("[access]\nwho = 'key:a'\n", ":1:1: must be written [[access]]"),
                                    ("[[access]]\nwho = 7\nrights = ['call']\n", ':2:7: must be a string or an array of them')):
                file.write_text(text)
                done = subprocess.run([BIN / "sohod", "--config", file, "--check-config"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertIn(str(file) + complaint if complaint.startswith(":") else complaint, done.stderr)


if __name__ == "__main__":
    unittest.main()
