// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.nio.ByteBuffer;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes the records of a schedule to a topic as they arrive, until it is stopped. A record carries the time it was to
 * arrive at, so that a slow producer is seen as lateness. Arguments: --schedule, --bootstrap, --topic, --keys,
 * --hot-share, --record-bytes.
 */
public final class LoadProducer {
    private static final long PAUSE_MS = 10;

    private LoadProducer() {}

    public static void main(String[] words) throws InterruptedException {
        Arguments arguments = new Arguments(words);
        Schedule schedule = new Schedule(arguments.text("schedule"));
        Keys keys = arguments.keys();
        String topic = arguments.text("topic");
        byte[] value = new byte[(int) arguments.integer("record-bytes", 100)];
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", arguments.text("bootstrap"),
                "linger.ms", 5,
                "metadata.max.age.ms", 2000);
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (long sent = 0; ; Thread.sleep(PAUSE_MS)) {
                for (double due = schedule.arrivedBy(System.currentTimeMillis()); sent + 1 <= due; sent++) {
                    byte[] key = ByteBuffer.allocate(Long.BYTES).putLong(keys.of(sent)).array();
                    producer.send(new ProducerRecord<>(topic, null, schedule.arrivalMs(sent), key, value));
                }
            }
        }
    }
}
