"""The server's version, and what it decides."""

import re

FORM = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class Version:
    """`has_fixed_multi` decides between the two behaviours of multi-table transactions of 4.0.

    Which 4.0 first carries the corrected statuses is not pinned down; 4.0.4 cannot, so the boundary
    lies on the safe side: a client that trusts an earlier 4.0 meets the uncorrected server here.
    """

    def __init__(self, text):
        found = FORM.match(text)
        if found is None:
            raise ValueError(f"not a version: {text}")
        self.text = text
        self.number = tuple(int(part or 0) for part in found.groups())

    def __str__(self):
        return self.text

    has_multi = property(lambda self: self.number >= (4, 0, 0))
    has_fixed_multi = property(lambda self: self.number >= (4, 0, 6))
    has_prepared_timeout = property(lambda self: self.number >= (3, 5, 4))
