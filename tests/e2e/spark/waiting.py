# SPDX-License-Identifier: GPL-3.0-or-later
"""spark-submit waiting.py TASKS SECONDS: two stages of tasks that wait, as for a store far away, the second for a quarter of the time.
So more executors than the machine has cores work as fast as if each had one."""
import sys

from pyspark.sql import SparkSession, functions as F


def waits(seconds):
    return f"reflect('java.lang.Thread', 'sleep', {int(seconds * 1000)}L)"


def main():
    tasks, seconds = int(sys.argv[1]), float(sys.argv[2])
    spark = SparkSession.builder.appName("waiting").getOrCreate()
    rows = spark.range(0, tasks, 1, tasks).selectExpr("id", f"{waits(seconds)} AS waited")
    sums = rows.groupBy("id").agg(F.max("waited").alias("waited")).selectExpr("id", "waited", f"{waits(seconds / 4)} AS again")
    sums.write.format("noop").mode("overwrite").save()
    spark.stop()


if __name__ == "__main__":
    main()
