"""The admin port of a stand-in, as tests use it."""

import json


class Admin:
    def __init__(self, client):
        self.client = client
        self.address = ("127.0.0.1", client.ports["admin"])

    def ask(self, method, path, values=None):
        """(HTTP status, JSON) of one request."""
        body = b"" if values is None else json.dumps(values).encode()
        reply = self.client.request(method, path, body=body, address=self.address, auth=False)
        return reply.status, reply.json

    def _done(self, *asked):
        status, values = self.ask(*asked)
        assert status == 200, values
        return values

    def arm(self, fault, **rest):
        """Arms one fault; returns its id."""
        return self._done("POST", "/faults", {"fault": fault, **rest})[0]["id"]

    def faults(self):
        return self._done("GET", "/faults")

    def hits(self, number):
        return next(f["hits"] for f in self.faults() if f["id"] == number)

    def disarm(self, number=None):
        return self._done("DELETE", "/faults" if number is None else f"/faults/{number}")

    def open(self):
        """{label: state} of the transactions that are not finished."""
        return {t["label"]: t["state"] for t in self._done("GET", "/transactions")}
