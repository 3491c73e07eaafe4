"""The workloads in DataFusion: datafusion.py WORKLOAD INPUT OUTPUT THREADS; prints the seconds without the start of
Python."""
import sys
import time

# This file has the module's name: its folder must not be looked at for modules.
sys.path.pop(0)
import pyarrow
from datafusion import SessionConfig, SessionContext

workload, source, target, threads = sys.argv[1:]

text, integer, double = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
money, rate = pyarrow.decimal128(12, 2), pyarrow.decimal128(4, 2)
lines = {name: text for name in (
    "l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag l_linestatus "
    "l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment").split()}
users = {"user_id": text, "event": text, "ts": text, "amount": text, "country": text}
events = {"id": text, "type": text, "actor": pyarrow.struct([("login", text)]),
          "repo": pyarrow.struct([("name", text)]), "payload": pyarrow.struct([("size", integer)])}
columns = {
    "W1": lines | {"l_quantity": integer},
    "W2": lines | {"l_extendedprice": money, "l_discount": rate},
    "W3": lines | {"l_quantity": integer, "l_extendedprice": money, "l_discount": double},
    "W4": users | {"amount": money},
    "W5": users,
    "W6": events,
}
queries = {
    "W1": """SELECT l_orderkey, l_partkey, l_quantity, l_extendedprice, l_comment FROM input
             WHERE l_quantity > 30 AND l_shipmode = 'AIR'""",
    "W2": "SELECT *, l_extendedprice * (1 - l_discount) AS disc_price FROM input",
    "W3": """SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_price,
                    avg(l_discount) AS avg_disc, count(*) AS n, min(l_extendedprice) AS min_price,
                    max(l_extendedprice) AS max_price
             FROM input GROUP BY l_returnflag, l_linestatus""",
    "W4": "SELECT user_id, count(*) AS n, sum(amount) AS total FROM input GROUP BY user_id",
    # Only a row number makes "first" mean the first in the file.
    "W5": """SELECT user_id, first_value(event ORDER BY place) AS event, first_value(ts ORDER BY place) AS ts,
                    first_value(amount ORDER BY place) AS amount, first_value(country ORDER BY place) AS country
             FROM (SELECT *, row_number() OVER () AS place FROM input) GROUP BY user_id""",
    "W6": """SELECT id, type, actor['login'] AS actor_login, repo['name'] AS repo_name FROM input
             WHERE payload['size'] >= 3""",
}

start = time.perf_counter()
settings = SessionConfig().with_target_partitions(int(threads))
if workload == "W5":
    # Row numbers are those of the file only where it is read by one thread.
    settings = settings.set("datafusion.optimizer.repartition_file_scans", "false")
context = SessionContext(settings)
schema = pyarrow.schema(list(columns[workload].items()))
if workload == "W6":
    context.register_json("input", source, schema=schema, file_extension=".jsonl")
else:
    # Line ends in fields have to be expected where there are some, and a file is then read by one thread.
    words = {text: "VARCHAR", integer: "BIGINT", money: "DECIMAL(12,2)", rate: "DECIMAL(4,2)", double: "DOUBLE"}
    names = ", ".join(f"{name} {words[kind]}" for name, kind in columns[workload].items())
    has_line_ends = "true" if "l_comment" in columns[workload] else "false"
    context.sql(f"CREATE EXTERNAL TABLE input ({names}) STORED AS CSV LOCATION '{source}' OPTIONS "
                f"('format.has_header' 'true', 'format.newlines_in_values' '{has_line_ends}')")
form = "JSON" if workload == "W6" else "CSV"
context.sql(f"COPY ({queries[workload]}) TO '{target}' STORED AS {form}").collect()
print(time.perf_counter() - start)
