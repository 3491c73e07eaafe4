"""The workloads in Polars, with its streaming engine: polars.py WORKLOAD INPUT OUTPUT THREADS; prints the seconds
without the start of Python. The number of threads is taken from POLARS_MAX_THREADS before this begins."""
import sys
import time

# This file has the module's name: its folder must not be looked at for modules.
sys.path.pop(0)
import polars as pl
from polars import col

workload, source, target, _threads = sys.argv[1:]

start = time.perf_counter()
if workload == "W6":
    text = pl.String
    frame = pl.scan_ndjson(source, schema={
        "id": text, "type": text, "actor": pl.Struct({"login": text}), "repo": pl.Struct({"name": text}),
        "payload": pl.Struct({"size": pl.Int64})})
else:
    # All columns are text that only an expression makes a number of: what is not computed with is not converted.
    frame = pl.scan_csv(source, infer_schema=False)

price = col("l_extendedprice").cast(pl.Float64)
discount = col("l_discount").cast(pl.Float64)
if workload == "W1":
    frame = frame.filter((col("l_quantity").cast(pl.Int64) > 30) & (col("l_shipmode") == "AIR"))
    frame = frame.select("l_orderkey", "l_partkey", "l_quantity", "l_extendedprice", "l_comment")
elif workload == "W2":
    # In doubles, as one writes it in Polars.
    frame = frame.with_columns((price * (1 - discount)).round(4).alias("disc_price"))
elif workload == "W3":
    frame = frame.group_by("l_returnflag", "l_linestatus").agg(
        sum_qty=col("l_quantity").cast(pl.Int64).sum(), sum_price=price.sum(), avg_disc=discount.mean(), n=pl.len(),
        min_price=price.min(), max_price=price.max())
elif workload == "W4":
    frame = frame.group_by("user_id").agg(n=pl.len(), total=col("amount").cast(pl.Float64).sum())
elif workload == "W5":
    frame = frame.unique(subset="user_id", keep="first", maintain_order=True)
elif workload == "W6":
    frame = frame.filter(col("payload").struct.field("size") >= 3).select(
        "id", "type", actor_login=col("actor").struct.field("login"), repo_name=col("repo").struct.field("name"))

if workload == "W6":
    frame.sink_ndjson(target)
else:
    frame.sink_csv(target)
print(time.perf_counter() - start)
