import com.starrocks.data.load.stream.StreamLoadDataFormat;
import com.starrocks.data.load.stream.StreamLoadSnapshot;
import com.starrocks.data.load.stream.properties.StreamLoadProperties;
import com.starrocks.data.load.stream.properties.StreamLoadTableProperties;
import com.starrocks.data.load.stream.v2.StreamLoadManagerV2;

/**
 * Drives starrocks-stream-load-sdk, unmodified, against the server that is named on the command line:
 * SCENARIO FE_HOST:PORT MYSQL_HOST:PORT USER PASSWORD DATABASE TABLE ROW|FLUSH... ; what came of it is printed.
 */
public final class Driver {
    private final String[] args;

    private Driver(String[] args) {
        this.args = args;
    }

    public static void main(String[] args) throws Exception {
        new Driver(args).run();
        System.exit(0);
    }

    private void run() throws Exception {
        boolean json = args[0].contains("json");
        boolean autoCommit = args[0].startsWith("auto");
        StreamLoadManagerV2 manager = new StreamLoadManagerV2(properties(json), autoCommit);
        manager.init();
        for (int i = 7; i < args.length; i++) {
            if (args[i].equals("FLUSH")) {
                manager.flush();
            } else {
                manager.write(null, args[5], args[6], args[i]);
            }
        }
        manager.flush();
        if (manager.getException() != null) {
            System.out.println("FAILED " + manager.getException());
            System.exit(3);
        }
        if (!autoCommit) {
            finish(manager);
        }
        manager.close();
        System.out.println("DONE");
    }

    private void finish(StreamLoadManagerV2 manager) throws Exception {
        StreamLoadSnapshot snapshot = manager.snapshot();
        for (StreamLoadSnapshot.Transaction txn : snapshot.getTransactions()) {
            System.out.println("LABEL " + txn.getLabel() + " "
                    + manager.getStreamLoader().getLoadStatus(txn.getDatabase(), txn.getTable(), txn.getLabel()));
        }
        System.out.println("PREPARE " + manager.prepare(snapshot));
        if (args[0].startsWith("abort")) {
            System.out.println("ABORT " + manager.abort(snapshot));
        } else {
            System.out.println("COMMIT " + manager.commit(snapshot));
        }
        for (StreamLoadSnapshot.Transaction txn : snapshot.getTransactions()) {
            System.out.println("STATE "
                    + manager.getStreamLoader().getLoadStatus(txn.getDatabase(), txn.getTable(), txn.getLabel()));
        }
    }

    private StreamLoadProperties properties(boolean json) {
        StreamLoadTableProperties.Builder table = StreamLoadTableProperties.builder()
                .database(args[5])
                .table(args[6])
                .streamLoadDataFormat(json ? StreamLoadDataFormat.JSON : new StreamLoadDataFormat.CSVFormat("\n"))
                .addProperty("format", json ? "json" : "csv");
        if (json) {
            table.addProperty("strip_outer_array", "true").addProperty("ignore_json_size", "true");
        } else {
            table.addProperty("column_separator", ",").addProperty("row_delimiter", "\\x0A");
        }
        if (args[0].contains("lz4")) {
            table.addProperty("compression", "lz4_frame");
        }
        if (args[0].contains("columns")) {
            table.columns("`k`,`v`,`__op`");
        }
        StreamLoadTableProperties properties = table.build();
        return StreamLoadProperties.builder()
                .loadUrls("http://" + args[1])
                .jdbcUrl("jdbc:mysql://" + args[2])
                .username(args[3])
                .password(args[4])
                .version("4.0.4")
                .labelPrefix("sdk-" + System.nanoTime() + "-")
                .enableTransaction()
                .defaultTableProperties(properties)
                .addTableProperties(properties)
                .addHeader("timeout", "600")
                .scanningFrequency(50L)
                .expectDelayTime(200L)
                .maxRetries(0)
                .build();
    }
}
