# SPDX-License-Identifier: GPL-3.0-or-later
"""spark-submit skewed.py: joins generated orders with their customers, and asks a store far away about each of them. Two orders of
three are of one customer, so one task asks for longer than all others together, 16 s, unless Spark splits it (spark.sql.adaptive.skewJoin). Who
waits needs no CPU: more slots than the machine has cores work as fast as if each had one."""
import time

from pyspark.sql import SparkSession, functions as F

ORDERS, CUSTOMERS = 2400, 2000
# Each a task: a part of a partition is what some of them wrote.
PARTS = 24
# What an order holds: all of them take 16 MiB.
DIGESTS = 100
ASK = "reflect('java.lang.Thread', 'sleep', 10L)"


def digest(*columns):
    return F.sha2(F.concat(*(column.cast("string") for column in columns)), 256)


def main():
    spark = SparkSession.builder.appName("skewed").getOrCreate()
    begun = time.monotonic()
    parts = F.transform(F.sequence(F.lit(1), F.lit(DIGESTS)), lambda part: digest(F.col("id"), part))
    orders = spark.range(0, ORDERS, 1, PARTS).select(
        "id", F.when(F.col("id") % 3 != 0, 0).otherwise(F.abs(F.hash("id")) % CUSTOMERS).alias("customer"),
        F.array_join(parts, "").alias("note"))
    customers = spark.range(0, CUSTOMERS, 1, 2).select(F.col("id").alias("customer"), digest(F.col("id")).alias("name"))
    asked = orders.join(customers.hint("merge"), "customer").selectExpr("id", "note", "name", f"{ASK} AS answer")
    asked.write.format("noop").mode("overwrite").save()
    print(f"RESULT {time.monotonic() - begun:.2f}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
