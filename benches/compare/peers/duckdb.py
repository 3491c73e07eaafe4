"""The workloads in DuckDB: duckdb.py WORKLOAD INPUT OUTPUT THREADS; prints the seconds without the start of Python."""
import sys
import time

# This file has the module's name: its folder must not be looked at for modules.
sys.path.pop(0)
import duckdb

workload, source, target, threads = sys.argv[1:]


def columns(types):
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"


def table(types):
    return (f"read_csv('{source}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
            f"columns = {columns(types)})")


names = ("l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag "
         "l_linestatus l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment").split()
# All columns are text that only an expression makes a number of: what is not computed with is not converted.
lines = table({name: "VARCHAR" for name in names})
users = table({"user_id": "VARCHAR", "event": "VARCHAR", "ts": "VARCHAR", "amount": "DECIMAL(12,2)",
               "country": "VARCHAR"})
events = (f"read_json('{source}', format = 'newline_delimited', columns = " +
          columns({"id": "VARCHAR", "type": "VARCHAR", "actor": "STRUCT(login VARCHAR)", "repo": "STRUCT(name VARCHAR)",
                   "payload": "STRUCT(size BIGINT)"}) + ")")

queries = {
    "W1": f"""SELECT l_orderkey, l_partkey, l_quantity, l_extendedprice, l_comment FROM {lines}
              WHERE l_quantity::BIGINT > 30 AND l_shipmode = 'AIR'""",
    "W2": f"""SELECT *, l_extendedprice::DECIMAL(12,2) * (1 - l_discount::DECIMAL(4,2)) AS disc_price FROM {lines}""",
    "W3": f"""SELECT l_returnflag, l_linestatus, sum(l_quantity::BIGINT) AS sum_qty,
                     sum(l_extendedprice::DECIMAL(12,2)) AS sum_price, avg(l_discount::DOUBLE) AS avg_disc,
                     count(*) AS n, min(l_extendedprice::DECIMAL(12,2)) AS min_price, 
                     max(l_extendedprice::DECIMAL(12,2)) AS max_price
              FROM {lines} GROUP BY l_returnflag, l_linestatus""",
    "W4": f"SELECT user_id, count(*) AS n, sum(amount) AS total FROM {users} GROUP BY user_id",
    # Only a row number makes "first" mean the first in the file.
    "W5": f"""SELECT user_id, kept.* FROM
                (SELECT user_id,
                        arg_min({{'event': event, 'ts': ts, 'amount': amount, 'country': country}}, place) AS kept
                 FROM (SELECT *, row_number() OVER () AS place FROM {users}) GROUP BY user_id)""",
    "W6": f"""SELECT id, type, actor.login AS actor_login, repo.name AS repo_name FROM {events}
              WHERE payload.size >= 3""",
}

start = time.perf_counter()
connection = duckdb.connect()
connection.execute(f"SET threads = {threads}")
form = "JSON" if workload == "W6" else "CSV, HEADER"
connection.execute(f"COPY ({queries[workload]}) TO '{target}' (FORMAT {form})")
print(time.perf_counter() - start)
