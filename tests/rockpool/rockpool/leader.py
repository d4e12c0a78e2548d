"""What only the frontend leader knows, and loses when it restarts or another one leads."""

import threading
import time

MAX_TASKS = 1000
OPEN = ("BEGIN", "LOADING")


class MultiTask:
    """A multi-table transaction: the leader's memory only."""

    def __init__(self, label, database, timeout):
        self.label, self.database, self.timeout = label, database, timeout
        self._state = "BEGIN"
        self.txn = None
        self.contexts = {}
        self.backends = {}
        self.created = time.time()
        self._finished = 0.0
        self.lock = threading.Lock()

    @property
    def state(self):
        """A transaction that was aborted behind its task's back has cancelled the task."""
        aborted = self.txn is not None and self.txn["state"] == "ABORTED"
        return "CANCELLED" if aborted and self._state in OPEN else self._state

    @property
    def finished(self):
        """When it was, or 0."""
        if not self._finished and self.state == "CANCELLED":
            return self.txn["finish"]
        return self._finished

    def load(self):
        self._state = "LOADING"

    def finish(self, state):
        self._state, self._finished = state, time.time()

    @property
    def shown(self):
        """Id and label for messages; a task without loads has no transaction."""
        return self.txn or {"id": 0, "label": self.label}


class Leader:
    """The coordinator of each label, and the multi-table tasks."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.number = 0
        self.coordinators = {}
        self.tasks = {}
        self.turn = 0
        self.lock = threading.RLock()

    @property
    def frontend(self):
        return self.cluster.frontends[self.number]

    def next_backend(self):
        with self.lock:
            self.turn += 1
            return self.cluster.backends[self.turn % len(self.cluster.backends)]

    def change(self):
        """A leader change or restart: caches and open multi-table transactions are gone."""
        with self.lock:
            self.coordinators.clear()
            tasks, self.tasks = self.tasks, {}
        for task in tasks.values():
            self.cancel(task, "FE leader is changed")

    def rotate(self):
        """The next frontend leads."""
        self.number = (self.number + 1) % len(self.cluster.frontends)

    def cancel(self, task, reason):
        if task.state not in OPEN:
            return
        task.finish("CANCELLED")
        for table, backend in task.backends.items():
            backend.contexts.pop((task.label, table), None)
        if task.txn is not None:
            self.cluster.txns.abort(task.txn, reason)

    def forget(self, named):
        """Finished tasks only."""
        with self.lock:
            for task in list(self.tasks.values()):
                if task.finished and named(task.database, task.label):
                    del self.tasks[task.label]

    def expire(self):
        now = time.time()
        for task in list(self.tasks.values()):
            if task.state in OPEN and now > task.created + task.timeout:
                self.cancel(task, "timeout by txn manager")
        finished = sorted((t for t in self.tasks.values() if t.finished), key=lambda t: t.finished)
        for task in finished[: max(0, len(self.tasks) - MAX_TASKS)]:
            self.tasks.pop(task.label, None)
