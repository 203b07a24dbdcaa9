"""What the tests of the sync plugin's waiting types share."""
import pathlib
import unittest

from soho_e2e import BUNDLED, Host, Refused, eventually, id_of

SYNC = pathlib.Path(BUNDLED) / "sync.so"


class Waiting(unittest.TestCase):
    """One host for each class of tests; two sessions."""
    config = None

    @classmethod
    def setUpClass(cls):
        cls.host = Host(SYNC, args=["--strict"], config=cls.config)

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    def setUp(self):
        self.one, self.two = self.client(), self.client()

    def client(self):
        client = self.host.client()
        self.addCleanup(client.close)
        return client

    def create(self, type_id, *args, **kw):
        """By its id, which both sessions may use."""
        return id_of(self.one.create(type_id, *args, **({"kw": kw} if kw else {})))

    def raises(self, error, text, function, *args, **options):
        with self.assertRaises(Refused) as refused:
            function(*args, **options)
        self.assertEqual((refused.exception.type, refused.exception.text), (error, text))

    def waiting(self, count):
        """Until so many calls wait in the host."""
        eventually(lambda: self.host.stats("calls_in_flight")["calls_in_flight"] == count, f"{count} waiting calls")
