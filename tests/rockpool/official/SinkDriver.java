import com.starrocks.connector.flink.row.sink.StarRocksIRowTransformer;
import com.starrocks.connector.flink.row.sink.StarRocksTableRowTransformer;
import com.starrocks.connector.flink.table.StarRocksDataType;
import com.starrocks.connector.flink.table.sink.SinkFunctionFactory;
import com.starrocks.connector.flink.table.sink.StarRocksSinkOptions;
import com.starrocks.connector.flink.tools.JsonWrapper;
import com.starrocks.data.load.stream.properties.StreamLoadTableProperties;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.restartstrategy.RestartStrategies;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.CheckpointConfig.ExternalizedCheckpointCleanup;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.source.SourceFunction;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.TableSchema;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.types.RowKind;

/**
 * Runs jobs with the sink of flink-connector-starrocks, unmodified, one after the other on a local Flink cluster
 * in this process. Each argument `--job` begins a job of key=value: the connector's own options by their names, and
 *
 *   rows epoch     rows 0 to rows-1; the source waits for a checkpoint of every epoch rows, and has no other
 *   shape          plain, or upsert: updates and deletes for a PRIMARY KEY table (`Change` says which)
 *   fail           the row before which the source throws, once
 *   halt           the row before which the process dies, without a goodbye
 *   halt-prepared  the same inside the checkpoint that holds this row, when the sink has prepared it
 *   buffer-rows    the sink loads whenever it holds so many rows, not at checkpoints only
 *   linger         milliseconds before fail and halt, for the sink to do so
 *   restarts checkpoints restore parallelism
 */
public final class SinkDriver {
    private static final AtomicBoolean FAILED = new AtomicBoolean();
    private final Map<String, String> job;

    private SinkDriver(Map<String, String> job) {
        this.job = job;
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> job = null;
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals("--job")) {
                job = new TreeMap<>();
            } else {
                job.put(args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
            }
            if (i + 1 == args.length || args[i + 1].equals("--job")) {
                new SinkDriver(job).run();
            }
        }
        System.exit(0);
    }

    private int number(String key, int otherwise) {
        return Integer.parseInt(job.getOrDefault(key, String.valueOf(otherwise)));
    }

    private void run() {
        FAILED.set(false);
        try {
            StreamExecutionEnvironment env = environment();
            env.addSource(new Rows(number("rows", 0), number("epoch", 100), number("fail", -1), number("halt", -1),
                            number("halt-prepared", -1), number("linger", 0)), Types.INT)
                    .uid("rows")
                    .addSink(SinkFunctionFactory.createSinkFunction(options(), schema(), new Change(upsert())))
                    .uid("starrocks")
                    .setParallelism(number("parallelism", 1));
            env.execute();
            System.out.println("DONE " + job.get("table-name") + (FAILED.get() ? " after a failure" : ""));
        } catch (Exception failure) {
            System.out.println("FAILED " + job.get("table-name"));
            failure.printStackTrace(System.out);
        }
    }

    private boolean upsert() {
        return "upsert".equals(job.get("shape"));
    }

    private StreamExecutionEnvironment environment() {
        Configuration settings = new Configuration();
        settings.setString("taskmanager.memory.network.min", "8m");
        settings.setString("taskmanager.memory.network.max", "8m");
        settings.setString("taskmanager.memory.managed.size", "1m");
        settings.setString("rest.address", "127.0.0.1");
        settings.setString("rest.bind-address", "127.0.0.1");
        settings.setString("rest.bind-port", "0");
        settings.setString("jobmanager.bind-host", "127.0.0.1");
        settings.setString("taskmanager.bind-host", "127.0.0.1");
        if (job.containsKey("restore")) {
            settings.setString("execution.savepoint.path", job.get("restore"));
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(1, settings);
        env.enableCheckpointing(100);
        env.setRestartStrategy(RestartStrategies.fixedDelayRestart(number("restarts", 0), 100));
        if (job.containsKey("checkpoints")) {
            env.getCheckpointConfig().setCheckpointStorage(job.get("checkpoints"));
            env.getCheckpointConfig()
                    .setExternalizedCheckpointCleanup(ExternalizedCheckpointCleanup.RETAIN_ON_CANCELLATION);
        }
        return env;
    }

    private StarRocksSinkOptions options() {
        StarRocksSinkOptions.Builder builder = StarRocksSinkOptions.builder();
        for (Map.Entry<String, String> entry : job.entrySet()) {
            if (entry.getKey().matches("(sink\\.|jdbc-|load-|database-|table-).*|username|password")) {
                builder.withProperty(entry.getKey(), entry.getValue());
            }
        }
        StarRocksSinkOptions options = builder.build();
        if (job.containsKey("buffer-rows")) {
            options.addTableProperties(StreamLoadTableProperties.builder()
                    .copyFrom(options.getProperties(null).getDefaultTableProperties())
                    .maxBufferRows(number("buffer-rows", 0))
                    .build());
        }
        return options;
    }

    private TableSchema schema() {
        TableSchema.Builder builder = TableSchema.builder()
                .field("id", upsert() ? DataTypes.INT().notNull() : DataTypes.INT())
                .field("name", DataTypes.STRING())
                .field("price", DataTypes.DECIMAL(12, 2))
                .field("at", DataTypes.TIMESTAMP(3))
                .field("flag", DataTypes.BOOLEAN())
                .field("ratio", DataTypes.DOUBLE())
                .field("day", DataTypes.DATE());
        return upsert() ? builder.primaryKey("id").build() : builder.build();
    }

    /** Numbers from 0 on; what a checkpoint holds of them is known when it is complete. */
    private static final class Rows implements SourceFunction<Integer>, CheckpointedFunction, CheckpointListener {
        private final int rows;
        private final int epoch;
        private final int fail;
        private final int halt;
        private final int haltPrepared;
        private final int linger;
        private transient ListState<Integer> state;
        private transient Map<Long, Integer> taken;
        private volatile int next;
        private volatile int complete;
        private volatile boolean running = true;

        Rows(int rows, int epoch, int fail, int halt, int haltPrepared, int linger) {
            this.rows = rows;
            this.epoch = epoch;
            this.fail = fail;
            this.halt = halt;
            this.haltPrepared = haltPrepared;
            this.linger = linger;
        }

        @Override
        public void run(SourceContext<Integer> context) throws Exception {
            while (running && next < rows) {
                synchronized (context.getCheckpointLock()) {
                    emit(context);
                }
                while (running && complete < next) {
                    Thread.sleep(5);
                }
            }
        }

        /** The rows up to the next epoch: under the lock, so that no checkpoint holds a part of them. */
        private void emit(SourceContext<Integer> context) throws Exception {
            do {
                misbehave();
                context.collect(next);
                next++;
            } while (next % epoch != 0 && next < rows);
        }

        private void misbehave() throws Exception {
            if (next == halt) {
                Thread.sleep(linger);
                die();
            }
            if (next == fail && FAILED.compareAndSet(false, true)) {
                Thread.sleep(linger);
                throw new IllegalStateException("made to fail before row " + next);
            }
        }

        private void die() {
            System.out.println("HALT " + next);
            System.out.flush();
            Runtime.getRuntime().halt(9);
        }

        @Override
        public void cancel() {
            running = false;
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            taken = new ConcurrentHashMap<>();
            state = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("next", Types.INT));
            for (int from : state.get()) {
                next = from;
                complete = from;
                System.out.println("RESTORED " + from);
            }
        }

        /** The operators of a chain are asked from its end on: the sink's snapshot is taken before this one. */
        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            if (haltPrepared >= 0 && next > haltPrepared) {
                die();
            }
            taken.put(context.getCheckpointId(), next);
            state.clear();
            state.add(next);
        }

        @Override
        public void notifyCheckpointComplete(long checkpoint) {
            complete = Math.max(complete, taken.getOrDefault(checkpoint, complete));
        }
    }

    /** Makes row n of its number, and hands it to the transformer of the connector's SQL sink. */
    private static final class Change implements StarRocksIRowTransformer<Integer> {
        private final StarRocksTableRowTransformer inner = new StarRocksTableRowTransformer(null);
        private final boolean upsert;

        Change(boolean upsert) {
            this.upsert = upsert;
        }

        @Override
        public void setStarRocksColumns(Map<String, StarRocksDataType> columns) {
            inner.setStarRocksColumns(columns);
        }

        @Override
        public void setTableSchema(TableSchema schema) {
            inner.setTableSchema(schema);
        }

        @Override
        public void setRuntimeContext(RuntimeContext context) {
            inner.setRuntimeContext(context);
        }

        @Override
        public void setFastJsonWrapper(JsonWrapper wrapper) {
            inner.setFastJsonWrapper(wrapper);
        }

        @Override
        public Object[] transform(Integer n, boolean withOperation) {
            return inner.transform(row(n), withOperation);
        }

        /** In the shape `upsert` every fifth number updates the third row before it, and the next one deletes that. */
        private RowData row(int n) {
            GenericRowData row = new GenericRowData(upsert && n % 5 == 4 ? RowKind.DELETE : RowKind.INSERT, 7);
            row.setField(0, upsert && n % 5 == 3 ? n - 3 : upsert && n % 5 == 4 ? n - 2 : n);
            row.setField(1, n % 7 == 0 ? null : StringData.fromString("n\u00e4me, \"" + n + "\"\n\\"));
            row.setField(2, DecimalData.fromBigDecimal(BigDecimal.valueOf(n % 2 == 0 ? n : -n, 2), 12, 2));
            row.setField(3, TimestampData.fromLocalDateTime(LocalDateTime.of(2024, 2, 28, 23, 50).plusSeconds(n)));
            row.setField(4, n % 3 == 0);
            row.setField(5, n / 8.0 * (n % 4 == 0 ? 1e20 : 1));
            row.setField(6, n % 11 == 0 ? null : (int) LocalDate.of(1969, 12, 31).plusDays(n).toEpochDay());
            return row;
        }
    }
}
