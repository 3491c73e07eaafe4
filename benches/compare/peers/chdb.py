"""The workloads in chdb, which is ClickHouse as a library: chdb.py WORKLOAD INPUT OUTPUT THREADS; prints the seconds
without the start of Python."""
import sys
import time

# This file has the module's name: its folder must not be looked at for modules.
sys.path.pop(0)
import chdb

workload, source, target, threads = sys.argv[1:]

lines = {name: "String" for name in (
    "l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag l_linestatus "
    "l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment").split()}
users = {"user_id": "String", "event": "String", "ts": "String", "amount": "String", "country": "String"}
events = {"id": "String", "type": "String", "actor": "Tuple(login String)", "repo": "Tuple(name String)",
          "payload": "Tuple(size Nullable(Int64))"}
columns = {
    "W1": lines | {"l_quantity": "Int64"},
    "W2": lines | {"l_extendedprice": "Decimal(12, 2)", "l_discount": "Decimal(4, 2)"},
    "W3": lines | {"l_quantity": "Int64", "l_extendedprice": "Decimal(12, 2)", "l_discount": "Float64"},
    "W4": users | {"amount": "Decimal(12, 2)"},
    "W5": users,
    "W6": events,
}
queries = {
    "W1": """SELECT l_orderkey, l_partkey, l_quantity, l_extendedprice, l_comment FROM input
             WHERE l_quantity > 30 AND l_shipmode = 'AIR'""",
    "W2": "SELECT *, l_extendedprice * (1 - l_discount) AS disc_price FROM input",
    "W3": """SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_price,
                    avg(l_discount) AS avg_disc, count() AS n, min(l_extendedprice) AS min_price,
                    max(l_extendedprice) AS max_price
             FROM input GROUP BY l_returnflag, l_linestatus""",
    "W4": "SELECT user_id, count() AS n, sum(amount) AS total FROM input GROUP BY user_id",
    # A file is one stream of blocks in order, and the first row of each key is kept.
    "W5": "SELECT * FROM input LIMIT 1 BY user_id",
    "W6": """SELECT id, type, actor.login AS actor_login, repo.name AS repo_name FROM input
             WHERE payload.size >= 3""",
}

start = time.perf_counter()
form = "JSONEachRow" if workload == "W6" else "CSVWithNames"
structure = ", ".join(f"{name} {kind}" for name, kind in columns[workload].items())
table = f"file('{source}', '{form}', '{structure}')"
query = queries[workload].replace("FROM input", f"FROM {table}")
settings = f"max_threads = {threads}, input_format_skip_unknown_fields = 1"
chdb.query(f"{query} INTO OUTFILE '{target}' FORMAT {form} SETTINGS {settings}")
print(time.perf_counter() - start)
