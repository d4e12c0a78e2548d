"""The list of faults: its table in the README, its tests, and how faults are armed."""

import pathlib
import random
import re

import pytest
from rockpool_admin import Admin

from rockpool.kinds import KINDS, Choice

HOME = pathlib.Path(__file__).resolve().parent.parent


def parameters(kind):
    return ", ".join(
        f"`{name}` ({' '.join(rule.values)})"
        if isinstance(rule, Choice)
        else f"`{name}` {rule.default:g}"
        for name, rule in kind.parameters.items()
    )


def row(kind):
    cells = (
        f"`{kind.name}`",
        " ".join(kind.operations),
        " ".join(kind.points),
        parameters(kind),
        kind.text,
    )
    return "| " + " | ".join(cells) + " |"


def test_the_table_of_faults_in_the_readme_is_the_registry():
    """Every row, in order, word for word."""
    text = (HOME / "README.md").read_text()
    table = text.split("| fault | operations |", 1)[1].split("\n\n", 1)[0]
    assert table.splitlines()[2:] == [row(kind) for kind in KINDS.values()]


def test_every_fault_has_a_test_named_after_it():
    """test_faults_*.py hold at least one test_<fault>_… for each."""
    texts = [path.read_text() for path in (HOME / "tests").glob("test_faults_*.py")]
    names = re.findall(r"^def test_(\w+)\(", "\n".join(texts), re.M)
    assert {k for k in KINDS if not any(n.startswith(f"{k}_") for n in names)} == set()


@pytest.fixture
def admin(standin, cluster):
    found = Admin(cluster)
    yield found
    found.disarm()


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"fault": "no_such"}, "unknown fault 'no_such'"),
        (["drop_reply"], "a fault is a JSON object"),
        ({"fault": "drop_reply", "seconds": 1}, "drop_reply does not know: seconds"),
        ({"fault": "drop_reply", "operation": "sql"}, "not at sql"),
        ({"fault": "drop_reply", "point": "before"}, "not at before"),
        ({"fault": "delay", "operation": "begin", "point": "body"}, "not at begin"),
        ({"fault": "delay", "seconds": "1"}, "seconds must be a number"),
        ({"fault": "delay", "seconds": -1}, "seconds must lie in"),
        ({"fault": "delay", "count": 1.5}, "count must be a whole number"),
        ({"fault": "delay", "probability": 2}, "probability must lie in"),
        ({"fault": "delay", "label": ""}, "label must be a name or a pattern"),
        ({"fault": "delay", "multi": "yes"}, "multi must be true or false"),
        ({"fault": "status_unknown", "outcome": "maybe"}, "outcome must be one of"),
        ({"fault": "leader_change", "operation": ["now", "commit"]}, "now alone"),
        ({"fault": "label_forgotten", "table": "t"}, "does not know: table"),
    ],
)
def test_what_cannot_be_armed_is_refused_by_name(admin, asked, complaint):
    """HTTP 400 with the reason; nothing is armed, not even the good ones of the same list."""
    status, answer = admin.ask("POST", "/faults", [{"fault": "delay"}, asked])
    assert status == 400 and complaint in answer["error"]
    assert admin.faults() == []


def test_faults_are_listed_and_disarmed_one_by_one_or_all(admin):
    """DELETE /faults/N takes one away, DELETE /faults all; a strange id is refused."""
    first, second = admin.arm("delay"), admin.arm("drop_reply", operation="commit", count=None)
    assert [f["id"] for f in admin.faults()] == [first, second]
    assert admin.disarm(first) == {"disarmed": 1}
    assert admin.faults()[0] == {
        "id": second,
        "fault": "drop_reply",
        "operation": ["commit"],
        "point": "after",
        "count": None,
        "skip": 0,
        "probability": 1,
        "seed": 0,
        "seen": 0,
        "hits": 0,
    }
    assert admin.ask("DELETE", f"/faults/{first}")[0] == 400
    assert admin.disarm() == {"disarmed": 1}
    assert admin.faults() == []


def test_filters_skip_and_count_decide_who_is_bitten(admin, cluster):
    """Label patterns let through; `skip` passes the first ones; `count` ends it."""
    number = admin.arm("state_unknown", label="never_*")
    other = cluster.fresh("open")
    fault = admin.arm("drop_before", operation="get_load_state", label="seen_?", skip=1, count=2)
    lost = [_lost(cluster, label) for label in ("seen_1", other, "seen_2", "seen_33", "seen_3")]
    assert lost == [False, False, True, False, True]
    assert not _lost(cluster, "seen_4")
    found = {f["id"]: (f["seen"], f["hits"]) for f in admin.faults()}
    assert found == {number: (0, 0), fault: (3, 2)}


def test_draws_depend_on_the_seed_and_the_order_alone(admin, cluster):
    """The same seed bites the same ones again; another seed bites others."""
    drawn = []
    for seed in (7, 7, 8):
        admin.arm("drop_before", operation="get_load_state", count=None, probability=0.5, seed=seed)
        drawn.append([_lost(cluster, "any") for _ in range(12)])
        admin.disarm()
    expected = [random.Random(f"7:{n}").random() < 0.5 for n in range(1, 13)]
    assert drawn[0] == drawn[1] == expected and drawn[2] != expected


def _lost(cluster, label):
    try:
        cluster.state(label)
    except ConnectionError:
        return True
    return False
