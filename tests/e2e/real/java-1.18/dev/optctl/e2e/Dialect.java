// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;

/** What Flink 1.18 says in words of its own. */
final class Dialect {
    private Dialect() {}

    static int subtask(RuntimeContext context) {
        return context.getIndexOfThisSubtask();
    }

    static int parallelism(RuntimeContext context) {
        return context.getNumberOfParallelSubtasks();
    }

    static DataStreamSink<Long> discard(DataStream<Long> records) {
        return records.sinkTo(new Nowhere());
    }

    private static final class Nowhere implements Sink<Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public SinkWriter<Long> createWriter(InitContext context) {
            return new SinkWriter<>() {
                @Override
                public void write(Long record, Context context) {}

                @Override
                public void flush(boolean endOfInput) {}

                @Override
                public void close() {}
            };
        }
    }
}
