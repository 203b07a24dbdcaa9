"""soho.Client: the plain way."""
import inspect
import os
import pickle
import subprocess
import sys

import pytest
from soho_e2e import BIN, PAIR, eventually, hosted

import soho


def test_create_open_publish(client):
    pair = client.create("Pair", 1, y=2)
    assert (pair.get_x(), pair.get_y()) == (1, 2)
    client.publish(pair, "mine")
    assert client.names()["mine"] == "Pair" and client.open("mine").get_x() == 1
    with pytest.raises(soho.RemoteError) as caught:
        client.publish(pair, "mine")
    assert caught.value.kind == "exists"
    client.unpublish("mine")
    same = [client.create_named("once", "Pair", 5, 6, open_existing=True) for _ in range(2)]
    same[0].set_x(9)
    assert same[1].get_x() == 9
    client.unpublish("once")


def test_published_for_a_session(host, client):
    with soho.Client(host.address) as other:
        other.publish(other.create("list"), "for_now", session=True)
        assert "for_now" in client.names()
    eventually(lambda: "for_now" not in client.names())


def test_types_and_descriptions(client):
    assert {"Pair", "list", "Queue"} <= set(client.types())
    text = client.describe("list")
    assert "insert(index, value)\n    Puts value before index" in text and text.startswith("list 1.0, of the plugin sync")
    with pytest.raises(soho.RemoteError, match='did you mean "list"'):
        client.describe("lst")


def test_proxies_tell_what_they_can_do(client):
    """As IPython's completion, `?` and help() ask them."""
    items = client.create("list", [3, 1])
    names = dir(items)
    assert {"append", "insert", "__len__"} <= set(names) and "_callmethod" in names
    assert list(inspect.signature(items.insert).parameters) == ["index", "value"]
    assert inspect.getdoc(items.insert).startswith("Puts value before index")
    assert inspect.signature(client.create("Queue").put).parameters["timeout"].default is None
    assert type(items).__doc__ and type(items).__name__ == "list"
    assert (len(items), list(items), 3 in items, items[0]) == (2, [3, 1], True, 3)
    assert str(items) == "[3, 1]" and repr(items).startswith("<list ") and str(client.create("Pair", 1, 2)).startswith("<Pair ")


def test_errors(client):
    items = client.create("list")
    with pytest.raises(AttributeError, match="'list' object has no attribute 'apend'"):
        items.apend(1)
    with pytest.raises(TypeError, match=r"Pair\(x, y\): argument 'x': expected int, got str") as caught:
        client.create("Pair", "x", 1)
    assert isinstance(caught.value.__cause__, soho.RemoteError) and caught.value.__cause__.kind == "bad_arguments"
    with pytest.raises(IndexError) as caught:
        items.pop()
    assert caught.value.__cause__.type == "IndexError"
    assert str(caught.value.__cause__) == "list.pop(): IndexError: pop from empty list"
    with pytest.raises(soho.RemoteError) as caught:
        client.open("nothing")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.args, again.kind) == (type(caught.value), caught.value.args, caught.value.kind)


def test_the_error_of_a_stranger_is_a_remote_error(client, host):
    class Unknown(Exception):
        pass

    from soho.errors import exception_from

    for name, kind in (("ValueError", ValueError), ("SystemExit", soho.RemoteError), ("KeyboardInterrupt", soho.RemoteError),
                       ("acme::Broken", soho.RemoteError), ("UnicodeDecodeError", soho.RemoteError), ("RemoteError", soho.RemoteError),
                       ("OSError", OSError)):
        assert type(exception_from([16, "text", {"kind": "failed", "type": name}], "x.y()")) is kind, name
    assert type(exception_from([99, "text", {}], "x.y()")) is soho.RemoteError


def test_a_proxy_dies_with_its_client(host):
    client = soho.Client(host.address)
    items = client.create("list")
    client.close()
    with pytest.raises(soho.SessionLost):
        items.append(1)
    with pytest.raises(soho.SessionLost, match="closed"):
        client.ping()


def test_the_default_address(host, monkeypatch, tmp_path):
    monkeypatch.setenv("SOHO_HOST", host.address)
    with soho.Client() as client:
        assert client.address == host.address
    monkeypatch.setenv("SOHO_HOST", "nonsense")
    with pytest.raises(ValueError, match="SOHO_HOST: .*not an address"):
        soho.Client()
    monkeypatch.delenv("SOHO_HOST")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(OSError, match=rf"unix:{tmp_path}/soho/sohod.sock: No such file.*; unix:/run/sohod/sohod.sock"):
        soho.Client()


# ---- logins


@pytest.fixture
def guarded(request, tmp_path):
    """A host that wants to know who is there: over TCP by key or token, over TLS by token or certificate."""
    case = _Case(request)
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text(subprocess.run([BIN / "soho", "keygen", "ann"], check=True, capture_output=True, text=True).stdout)
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text("bob swordfish-0123456789\n")
    for subject, name in (("localhost", "host"), ("eve", "eve")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3", "-subj",
                        f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}", "-out", f"{name}.pem", "-keyout", f"{name}.key"],
                       cwd=tmp_path, check=True, capture_output=True)
        os.chmod(tmp_path / f"{name}.key", 0o600)
    rights = "".join(f'[[access]]\nwho = "{who}"\nrights = ["create", "call"]\n' for who in ("key:ann", "token:bob", "cert:eve"))
    config = (f'[login]\nkeys = "{keys}"\ntokens = "{tokens}"\n[tls]\ncertificate = "{tmp_path}/host.pem"\nkey = "{tmp_path}/host.key"\n'
              f'client_ca = "{tmp_path}/eve.pem"\n{rights}')
    import re

    host = hosted(case, PAIR, config=config, args=["--listen", "tcp:127.0.0.1:0", "--listen", "tls:127.0.0.1:0"])
    host.listens = {kind: address for address, kind in re.findall(r"listens on ((\w+):\S+)\n", host.output())}
    return host


class _Case:
    def __init__(self, request):
        self.addCleanup = request.addfinalizer


def principal(client):
    return client.request("soho.whoami")["principal"]


def test_logins(guarded, tmp_path, monkeypatch):
    tcp, tls = guarded.listens["tcp"], guarded.listens["tls"].replace("127.0.0.1", "localhost")
    ca = str(tmp_path / "host.pem")
    key = soho.Key.from_file(tmp_path / "keys")
    with soho.Client(tcp, key=key) as client:
        assert principal(client) == "key:ann" and client.create("Pair", 1, 2).get_x() == 1
        assert "soho.Key" not in repr(client) and key.secret.hex() not in repr(key)
    provider = soho.Provider(tcp, key=key)
    provider.register("Box", dict)
    with pytest.raises(PermissionError, match="key:ann.*provide"):  # it is her, who may not
        provider.start()
    with pytest.raises(TypeError, match="either a key or a token"):
        soho.Provider(tcp, key=key, token=soho.Token("swordfish-0123456789"))
    with soho.Client(tcp, token=soho.Token.from_file(tmp_path / "tokens", "bob")) as client:
        assert principal(client) == "token:bob"
    with soho.Client(tls, token=soho.Token("swordfish-0123456789"), tls_ca=ca) as client:
        assert principal(client) == "token:bob"
        pair = client.create("Pair", 1, 2)
        assert pair.get_y() == 2
        del pair
    with soho.Client(tls, tls_ca=ca, tls_certificate=str(tmp_path / "eve.pem"), tls_key=str(tmp_path / "eve.key")) as client:
        assert principal(client) == "cert:eve"
    monkeypatch.setenv("SOHO_KEY", str(tmp_path / "keys"))
    with soho.Client(tcp) as client:
        assert principal(client) == "key:ann"


def test_logins_that_fail_say_why(guarded, tmp_path):
    import multiprocessing

    tcp, tls = guarded.listens["tcp"], guarded.listens["tls"].replace("127.0.0.1", "localhost")
    ca = str(tmp_path / "host.pem")
    with pytest.raises(PermissionError, match="wants a login.*hmac-sha256-1"):
        soho.Client(tcp)
    with pytest.raises(multiprocessing.AuthenticationError, match="login at tcp"):
        soho.Client(tcp, key=soho.Key("ann", b"x" * 32))
    with pytest.raises(PermissionError, match="use a token or a certificate"):
        soho.Client(tls, key=soho.Key("ann", b"x" * 32), tls_ca=ca)
    with pytest.raises(OSError, match="certificate verify failed"):
        soho.Client(tls, token=soho.Token("swordfish-0123456789"))
    os.chmod(tmp_path / "keys", 0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        soho.Key.from_file(tmp_path / "keys")
    os.chmod(tmp_path / "keys", 0o600)
    with pytest.raises(KeyError, match='no key "joe"'):
        soho.Key.from_file(tmp_path / "keys", "joe")


def test_what_one_may_not_do(guarded, tmp_path):
    with soho.Client(guarded.listens["tcp"], token=soho.Token("swordfish-0123456789")) as client:
        with pytest.raises(PermissionError):
            client.publish(client.create("Pair", 1, 2), "mine")


def test_a_client_that_does_not_prove_itself_is_left(tmp_path):
    """Whoever listens there does not know the key: nothing but the proof of ours, which is good for nothing else, was sent."""
    import socket
    import threading

    import msgpack

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve():
        connection, _ = listener.accept()
        hello = {"proto": 1, "host": "x", "instance": "x", "features": [], "limits": {}, "nonce": b"0" * 32, "mechs": ["hmac-sha256-1"],
                 "authenticated": False, "principal": "nobody"}
        for result in (hello, {"principal": "key:ann", "session": 1, "secret": b"0" * 16, "proof": b"0" * 32}):
            connection.recv(10000)
            connection.sendall(msgpack.packb([1, 1, None, result]))
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(PermissionError, match="does not know the key ann"):
        soho.Client(f"tcp:127.0.0.1:{port}", key=soho.Key("ann", b"x" * 32))
    thread.join()
    listener.close()


def test_a_program_that_ends_leaves_nothing(host, lone_client):
    before = len(lone_client.request("soho.objects"))
    program = f"import soho; kept = [soho.Client({host.address!r}).create('list') for _ in range(5)]"
    subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", program], check=True)
    eventually(lambda: len(lone_client.request("soho.objects")) == before)
