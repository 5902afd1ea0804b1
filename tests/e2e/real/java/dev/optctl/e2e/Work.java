// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * An operator with a known capacity: every record takes a fixed time, either of the CPU or asleep (then any number of
 * subtasks fits on any machine). The schedule can make it slower or make it fail. The gauge arrivalLagMs is the time
 * between the arrival of the newest record and its turn here.
 */
final class Work extends KeyedProcessFunction<Long, Tuple2<Long, Long>, Long>
        implements CheckpointedFunction {
    private static final long serialVersionUID = 1L;
    /** Sleeps shorter than this cost more than they last; what is owed adds up until then. */
    private static final long SHORTEST_SLEEP_NS = 1_000_000;

    private final String scheduleFile;
    private final double costNs;
    private final boolean asleep;
    private final int stateBytes;
    private transient Schedule schedule;
    private transient ValueState<byte[]> state;
    private transient double owedNs;
    private transient int subtask, parallelism;
    private transient volatile long arrivalLagMs;

    Work(String scheduleFile, long costMicroseconds, boolean asleep, int stateBytes) {
        this.scheduleFile = scheduleFile;
        this.costNs = costMicroseconds * 1000.0;
        this.asleep = asleep;
        this.stateBytes = stateBytes;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) {
        schedule = new Schedule(scheduleFile);
        subtask = Dialect.subtask(getRuntimeContext());
        parallelism = Dialect.parallelism(getRuntimeContext());
        state = context.getKeyedStateStore().getState(new ValueStateDescriptor<>(
                "padding", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        getRuntimeContext().getMetricGroup().gauge("arrivalLagMs", () -> arrivalLagMs);
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) {}

    @Override
    public void processElement(Tuple2<Long, Long> record, Context context, Collector<Long> output) throws Exception {
        long now = System.currentTimeMillis();
        arrivalLagMs = now - record.f1;
        owedNs += costNs * schedule.costFactor(now, subtask);
        if (schedule.failsAt(now, parallelism)) {
            throw new IllegalStateException("the schedule fails parallelism " + parallelism);
        }
        if (stateBytes > 0 && state.value() == null) {
            state.update(new byte[stateBytes]);
        }
        pay();
        output.collect(record.f0);
    }

    /** A sleep that was too long is credited to the next records, so the mean is right. */
    private void pay() {
        long start = System.nanoTime();
        if (asleep && owedNs >= SHORTEST_SLEEP_NS) {
            LockSupport.parkNanos((long) owedNs);
            owedNs -= System.nanoTime() - start;
        }
        while (!asleep && owedNs > System.nanoTime() - start) {
            Thread.onSpinWait();
        }
        owedNs = asleep ? owedNs : 0;
    }
}
