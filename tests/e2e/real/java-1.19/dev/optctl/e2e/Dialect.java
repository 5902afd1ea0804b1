// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** What Flink 1.19 and later says in words of its own. */
final class Dialect {
    private Dialect() {}

    static int subtask(RuntimeContext context) {
        return context.getTaskInfo().getIndexOfThisSubtask();
    }

    static int parallelism(RuntimeContext context) {
        return context.getTaskInfo().getNumberOfParallelSubtasks();
    }

    static DataStreamSink<Long> discard(DataStream<Long> records) {
        return records.sinkTo(new DiscardingSink<>());
    }
}
