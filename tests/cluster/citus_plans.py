"""How Citus plans each statement of the files service: `python -m tests.cluster.citus_plans URL`.

`URL` is a coordinator whose database has the tables of `files`, distributed by `owner_id`. No row changes.
The output is one line for each statement: the kind of its plan, its name, and the number of tasks or the error.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from typing import Any, NamedTuple

import asyncpg

from drivebay.files.maintenance.store import MaintenanceStore
from tests.files.test_sql import SQL_FILES, sample_value, statements_of


class Plan(NamedTuple):
    """The kind of a plan, and what the plan or the error says."""

    kind: str
    detail: str


async def explain(connection: asyncpg.Connection, sql: str) -> Plan:
    """Return the plan of a statement whose arguments name one owner.

    EXPLAIN of some statements fails although they run, so a statement without a plan is run and rolled back.
    """
    body = sql.rstrip().rstrip(";")
    arguments = [sample_value(parameter) for parameter in (await connection.prepare(sql)).get_parameters()]
    try:
        rows = await connection.fetch(f"EXPLAIN (COSTS OFF) {body}", *arguments)
    except asyncpg.PostgresError:
        return await _run_without_effect(connection, sql, arguments)
    return classify("\n".join(row[0] for row in rows))


async def _run_without_effect(connection: asyncpg.Connection, sql: str, arguments: list[Any]) -> Plan:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.fetch(sql, *arguments)
    except asyncpg.PostgresError as error:
        return Plan("error", str(error).splitlines()[0])
    finally:
        await transaction.rollback()
    return Plan("steps", "it runs, and EXPLAIN fails")


def classify(plan: str) -> Plan:
    """Return the kind of a plan: `local`, `one shard`, `steps` or `all shards`."""
    tasks = [int(count) for count in re.findall(r"Task Count: (\d+)", plan)]
    subplans = len(re.findall(r"Distributed Subplan", plan))
    detail = f"tasks {tasks}, subplans {subplans}"
    if "Citus" not in plan:
        return Plan("local", "")
    if max(tasks, default=1) > 1:
        return Plan("all shards", detail)
    return Plan("one shard" if not subplans else "steps", detail)


async def report(url: str) -> None:
    connection = await asyncpg.connect(url)
    statements = {f"{file.parent.name}.{name}": sql for file in SQL_FILES for name, sql in statements_of(file).items()}
    statements |= {f"invariants.{name}": sql for name, sql in MaintenanceStore().invariants.items()}
    plans = {name: await explain(connection, sql) for name, sql in statements.items() if "SET LOCAL" not in sql}
    await connection.close()
    for name, plan in sorted(plans.items(), key=lambda item: (item[1].kind, item[0])):
        print(f"{plan.kind:<10}  {name:<50}  {plan.detail}")
    print(dict(Counter(plan.kind for plan in plans.values())))


if __name__ == "__main__":
    asyncio.run(report(sys.argv[1]))
