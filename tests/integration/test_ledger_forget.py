"""millrace ledger forget: what it waits for, and that nothing is left."""

from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool
from harness.wait import stays
from ledger_stage import Stage, orders_of, stage, wait_for_rows  # noqa: F401 (fixtures)


def test_forgetting_asks_first_and_then_leaves_nothing_in_the_sink(stage: Stage) -> None:
    stage.commit(0, 2)
    before = stage.ends(), stage.chains()
    asked = stage.ledger("forget")
    assert asked.returncode == 2 and "add --yes" in asked.stderr
    assert f"{stage.name}/0: ledger row that ends at 5, 2 registry rows, 2 of them open" in asked.stdout
    assert (stage.ends(), stage.chains()) == before
    forgotten = stage.ledger("forget", "--yes")
    assert forgotten.returncode == 0, forgotten.stderr
    assert "forgotten: 2 partitions" in forgotten.stdout and stage.group in forgotten.stdout
    assert stage.ends() == [] and stage.chains() == []
    assert stage.committed() == [-1001, -1001]


def test_forgetting_one_partition_leaves_the_others(stage: Stage) -> None:
    stage.commit(0, 2)
    stage.commit(1, 1)
    forgotten = stage.ledger("forget", "--yes", "--topic", stage.name, "--partition", "1")
    assert forgotten.returncode == 0, forgotten.stderr
    assert len(stage.ends()) == 1 and [row[0] for row in stage.chains()] == [0, 0]
    assert stage.committed() == [2, -1001]


def test_forgetting_waits_for_a_unit_that_is_committed_and_not_yet_visible(stage: Stage) -> None:
    """Its row, of a partition that had none, appears after the command began, and is deleted too."""
    label = stage.come_in_late(partition=1, end=3)
    forgotten = stage.ledger_that_waits(label, "forget", "--yes")
    assert forgotten.returncode == 0, forgotten.stderr
    stays("nothing left", lambda: stage.ends() == [] and stage.chains() == [], for_s=1.0)


def test_forgetting_gives_up_with_nothing_deleted_when_a_unit_stays_invisible(stage: Stage) -> None:
    stage.commit(0, 2)
    stage.program.config["sink"]["starrocks"]["load_timeout"] = "1s"
    stage.program.write()
    label = stage.come_in_late(partition=1, end=3)
    before = stage.ends(), stage.chains()
    late = stage.ledger("forget", "--yes")
    assert late.returncode == 4, late.stdout + late.stderr
    assert f"label {label} is committed, but its rows cannot be read" in late.stderr
    assert "HINT: no row was changed; run the command again" in late.stderr
    assert (stage.ends(), stage.chains(), stage.committed()) == (*before, [2, -1001])
    stage.publish(label)
    assert stage.ledger("forget", "--yes").returncode == 0
    assert stage.ends() == [] and stage.chains() == [] and stage.committed() == [-1001, -1001]


def test_after_forget_the_next_start_is_a_first_one(
    orders: Millrace, kafka: Broker, starrocks: Rockpool, name: str
) -> None:
    """Into emptied tables everything is read again, from the beginning, and the books agree."""
    stage = Stage(orders, kafka, starrocks, name)
    orders_of(kafka, name, 0, 10)
    run = orders.start()
    wait_for_rows(starrocks, name, 10)
    assert run.stop() == 0, run.log[-3000:]
    forgotten = stage.ledger("forget", "--yes")
    assert forgotten.returncode == 0, forgotten.stdout + forgotten.stderr
    assert "The next start is a first one" in forgotten.stdout
    for table in ("orders", "orders_1m", "orders_quarantine"):
        starrocks.sql(f"TRUNCATE TABLE {name}.{table}")
    orders_of(kafka, name, 10, 5)
    run = orders.start()
    wait_for_rows(starrocks, name, 15)
    assert run.stop() == 0, run.log[-3000:]
    orders.assert_verified()
