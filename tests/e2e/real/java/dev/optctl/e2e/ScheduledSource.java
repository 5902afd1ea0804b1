// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * A log in partitions that nobody has to run: record n of the schedule stands in partition n modulo the number of
 * partitions. Positions are checkpointed, what waits is reported as pendingRecords. Emits (key, arrival in ms).
 */
final class ScheduledSource
        implements Source<Tuple2<Long, Long>, ScheduledSource.Partition, List<ScheduledSource.Partition>> {
    private static final long serialVersionUID = 1L;

    private final String scheduleFile;
    private final int partitions;
    private final Keys keys;

    ScheduledSource(String scheduleFile, int partitions, Keys keys) {
        this.scheduleFile = scheduleFile;
        this.partitions = partitions;
        this.keys = keys;
    }

    /** A partition, and how many of its records were emitted. */
    static final class Partition implements SourceSplit {
        final int index;
        volatile long emitted;

        Partition(int index, long emitted) {
            this.index = index;
            this.emitted = emitted;
        }

        @Override
        public String splitId() {
            return "partition-" + index;
        }
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public SourceReader<Tuple2<Long, Long>, Partition> createReader(SourceReaderContext context) {
        Reader reader = new Reader();
        context.metricGroup().setPendingRecordsGauge(reader::pending);
        reader.counted = context.metricGroup().getIOMetricGroup().getNumRecordsInCounter()::inc;
        return reader;
    }

    @Override
    public SplitEnumerator<Partition, List<Partition>> createEnumerator(
            SplitEnumeratorContext<Partition> context) {
        List<Partition> all = new ArrayList<>();
        for (int index = 0; index < partitions; index++) {
            all.add(new Partition(index, 0));
        }
        return new Assigner(context, all);
    }

    @Override
    public SplitEnumerator<Partition, List<Partition>> restoreEnumerator(
            SplitEnumeratorContext<Partition> context, List<Partition> unassigned) {
        return new Assigner(context, unassigned);
    }

    @Override
    public SimpleVersionedSerializer<Partition> getSplitSerializer() {
        return new PartitionSerializer();
    }

    @Override
    public SimpleVersionedSerializer<List<Partition>> getEnumeratorCheckpointSerializer() {
        return new PartitionsSerializer();
    }

    /** Deals the partitions out once every reader has come. */
    private record Assigner(SplitEnumeratorContext<Partition> context, List<Partition> unassigned)
            implements SplitEnumerator<Partition, List<Partition>> {
        private void deal() {
            int readers = context.currentParallelism();
            if (context.registeredReaders().size() == readers) {
                unassigned.forEach(each -> context.assignSplit(each, each.index % readers));
                unassigned.clear();
            }
        }

        @Override
        public void addReader(int subtask) {
            deal();
        }

        @Override
        public void addSplitsBack(List<Partition> back, int subtask) {
            unassigned.addAll(back);
            deal();
        }

        @Override
        public List<Partition> snapshotState(long checkpoint) {
            return List.copyOf(unassigned);
        }

        @Override
        public void start() {}

        @Override
        public void handleSplitRequest(int subtask, String host) {}

        @Override
        public void close() {}
    }

    private final class Reader implements SourceReader<Tuple2<Long, Long>, Partition> {
        private static final int EMIT_BEFORE_LOOKING = 32;

        private final Schedule schedule = new Schedule(scheduleFile);
        private final List<Partition> mine = new CopyOnWriteArrayList<>();
        private final Executor soon = CompletableFuture.delayedExecutor(10, TimeUnit.MILLISECONDS);
        private Runnable counted;
        private double arrived;
        private int turn, sinceLooked;

        private long waiting(Partition partition, double arrivedRecords) {
            double inPartition = Math.ceil((arrivedRecords - partition.index) / partitions);
            return Math.max(0, (long) inPartition - partition.emitted);
        }

        /** Asked by the thread that reports metrics; right also while the source is held back. */
        long pending() {
            double now = schedule.arrivedBy(System.currentTimeMillis());
            return mine.stream().mapToLong(each -> waiting(each, now)).sum();
        }

        @Override
        public InputStatus pollNext(ReaderOutput<Tuple2<Long, Long>> output) {
            if (++sinceLooked > EMIT_BEFORE_LOOKING) {
                arrived = schedule.arrivedBy(System.currentTimeMillis());
                sinceLooked = 0;
            }
            for (int tried = 0; tried < mine.size(); tried++) {
                Partition partition = mine.get(turn++ % mine.size());
                if (waiting(partition, arrived) > 0) {
                    emit(partition, output);
                    return InputStatus.MORE_AVAILABLE;
                }
            }
            sinceLooked = EMIT_BEFORE_LOOKING;
            return InputStatus.NOTHING_AVAILABLE;
        }

        private void emit(Partition partition, ReaderOutput<Tuple2<Long, Long>> output) {
            long number = partition.emitted * partitions + partition.index;
            partition.emitted++;
            counted.run();
            output.collect(Tuple2.of(keys.of(number), schedule.arrivalMs(number)));
        }

        @Override
        public CompletableFuture<Void> isAvailable() {
            return CompletableFuture.runAsync(() -> {}, soon);
        }

        @Override
        public List<Partition> snapshotState(long checkpoint) {
            return mine.stream().map(each -> new Partition(each.index, each.emitted)).toList();
        }

        @Override
        public void addSplits(List<Partition> more) {
            mine.addAll(more);
        }

        @Override
        public void start() {}

        @Override
        public void notifyNoMoreSplits() {}

        @Override
        public void close() {}
    }

    private static final class PartitionSerializer implements SimpleVersionedSerializer<Partition> {
        private static final int BYTES = Integer.BYTES + Long.BYTES;

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Partition partition) {
            return ByteBuffer.allocate(BYTES).putInt(partition.index).putLong(partition.emitted).array();
        }

        @Override
        public Partition deserialize(int version, byte[] bytes) throws IOException {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            return new Partition(buffer.getInt(), buffer.getLong());
        }
    }

    private static final class PartitionsSerializer implements SimpleVersionedSerializer<List<Partition>> {
        private final PartitionSerializer one = new PartitionSerializer();

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(List<Partition> partitions) {
            ByteBuffer buffer = ByteBuffer.allocate(partitions.size() * PartitionSerializer.BYTES);
            partitions.forEach(each -> buffer.put(one.serialize(each)));
            return buffer.array();
        }

        @Override
        public List<Partition> deserialize(int version, byte[] bytes) throws IOException {
            List<Partition> partitions = new ArrayList<>();
            for (ByteBuffer buffer = ByteBuffer.wrap(bytes); buffer.hasRemaining(); ) {
                partitions.add(new Partition(buffer.getInt(), buffer.getLong()));
            }
            return partitions;
        }
    }
}
