"""Users, passwords and the few privileges that loads and queries ask for."""

import base64
import binascii
import dataclasses


@dataclasses.dataclass
class User:
    name: str
    password: str = ""
    privileges: frozenset = frozenset({"all"})

    def may(self, privilege):
        return "all" in self.privileges or privilege in self.privileges


class Users:
    def __init__(self, users):
        self.by_name = {u.name: u for u in users}

    def check(self, name, password):
        user = self.by_name.get(name)
        return user if user is not None and user.password == password else None


def parse_basic(header):
    """(name, password) of an Authorization header, or None. A trailing @cluster is dropped."""
    if not header or not header.lower().startswith("basic "):
        return None
    try:
        name, colon, password = (
            base64.b64decode(header[6:].strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None
