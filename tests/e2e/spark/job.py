# SPDX-License-Identifier: GPL-3.0-or-later
"""spark-submit job.py ORDERS: joins generated orders with their customers, and sums them up by region: three shuffles."""
import sys
import time

from pyspark.sql import SparkSession, functions as F

CUSTOMERS, REGIONS = 200_000, 25


def digest(column):
    return F.sha2(F.col(column).cast("string"), 256)


def main():
    spark = SparkSession.builder.appName("orders").getOrCreate()
    begun = time.monotonic()
    orders = (spark.range(int(sys.argv[1]))
              .withColumn("customer", F.abs(F.hash("id")) % CUSTOMERS)
              .withColumn("amount", F.abs(F.hash(F.col("id") * 31)) % 100)
              .withColumn("note", digest("id")))
    customers = spark.range(CUSTOMERS).select(F.col("id").alias("customer"), digest("id").alias("name"),
                                              (F.col("id") % REGIONS).alias("region"))
    by_customer = (orders.join(customers, "customer").groupBy("customer", "region")
                   .agg(F.sum("amount").alias("amount"), F.max("note").alias("note"), F.max("name").alias("name")))
    regions = by_customer.groupBy("region").agg(F.sum("amount"), F.max("note"), F.max("name")).orderBy("region").collect()
    assert len(regions) == REGIONS, f"{len(regions)} regions"
    print(f"RESULT {time.monotonic() - begun:.2f}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
