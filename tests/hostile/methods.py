"""What a host can be asked, from where it is written: the table of PROTOCOL.md, and what the host says of its types."""
import pathlib
import re

PROTOCOL = pathlib.Path(__file__).resolve().parents[2] / "sdk" / "PROTOCOL.md"
ROW = re.compile(r"^\| (`soho\.[^|]*?)\|", re.M)  # a row of section 2
METHOD = re.compile(r"`(soho\.\w+)`((?:(?: or)? *`\[[^`]*\]`)*)")
GOLDEN = re.compile(r"^```golden [^\n]*\n((?:[0-9a-f]{2}[ \n])+)", re.M)

# A value that is right, or nearly, for each word that the table uses for a parameter.
RIGHT = {"options": {}, "target": None, "method": "get_x", "args": [], "typeid": "Pair", "name": "hostile.shape", "ttl_ms": 50, "ticket": "5f1c.00",
         "msgid": 77, "id": 2**53 - 1, "level": "info", "[id, count]": [2**53 - 1, 1]}
# What would end the host or change it for others, said by an admin: only with a wrong number of parameters.
COUNTED = {"soho.shutdown", "soho.log_level"}


def control_methods():
    """{method: [the words for its parameters]}, the longest form of each."""
    methods = {}
    for row in ROW.findall(PROTOCOL.read_text()):
        for method, forms in METHOD.findall(row):
            for form in re.findall(r"`\[(.*?)\]`", forms) or [""]:
                words = [word.strip(" ?") for word in re.findall(r"\[[^\]]*\]|[^,\[\]…]+", form) if word.strip(" ?,…")]
                methods[method] = max(methods.get(method, []), words, key=len)
    return methods


def golden_requests():
    """The requests and notifications among the golden bytes of PROTOCOL.md."""
    blocks = [bytes.fromhex(block) for block in GOLDEN.findall(PROTOCOL.read_text())]
    return [block for block in blocks if block[:2] in (b"\x94\x00", b"\x93\x02")]


def creatable(descriptions):
    return [description for description in descriptions if description["create_method"]]
