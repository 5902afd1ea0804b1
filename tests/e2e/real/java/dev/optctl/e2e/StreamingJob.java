// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.nio.ByteBuffer;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetResetStrategy;

/**
 * source, keyed shuffle, work, sink: three vertices whose parallelism may differ.
 * Arguments: --schedule FILE, --name, --cost-us, --asleep, --state-bytes, --keys, --hot-share; the source is the
 * schedule itself with --partitions, or a topic with --bootstrap, --topic and --group.
 */
public final class StreamingJob {
    private StreamingJob() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        Work work = new Work(
                arguments.text("schedule"),
                arguments.integer("cost-us", 3000),
                arguments.flag("asleep", true),
                (int) arguments.integer("state-bytes", 0));
        DataStream<Long> done = environment
                .fromSource(source(arguments), WatermarkStrategy.noWatermarks(), "source",
                        Types.TUPLE(Types.LONG, Types.LONG))
                .uid("source")
                .keyBy(record -> record.f0, Types.LONG)
                .process(work, Types.LONG)
                .name("work")
                .uid("work")
                .disableChaining()
                .rebalance();
        Dialect.discard(done).name("sink").uid("sink").disableChaining();
        environment.execute(arguments.text("name"));
    }

    private static Source<Tuple2<Long, Long>, ?, ?> source(Arguments arguments) {
        if (!arguments.has("topic")) {
            return new ScheduledSource(
                    arguments.text("schedule"), (int) arguments.integer("partitions", 12), arguments.keys());
        }
        return KafkaSource.<Tuple2<Long, Long>>builder()
                .setBootstrapServers(arguments.text("bootstrap"))
                .setTopics(arguments.text("topic"))
                .setGroupId(arguments.text("group"))
                .setStartingOffsets(OffsetsInitializer.committedOffsets(OffsetResetStrategy.EARLIEST))
                .setProperty("partition.discovery.interval.ms", "5000")
                .setDeserializer(new KeyAndArrival())
                .build();
    }

    /** (key, time of the record): LoadProducer writes when the record arrived as its time. */
    private static final class KeyAndArrival implements KafkaRecordDeserializationSchema<Tuple2<Long, Long>> {
        private static final long serialVersionUID = 1L;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<Long, Long>> output) {
            output.collect(Tuple2.of(ByteBuffer.wrap(record.key()).getLong(), record.timestamp()));
        }

        @Override
        public TypeInformation<Tuple2<Long, Long>> getProducedType() {
            return TypeInformation.of(new TypeHint<>() {});
        }
    }
}
