import com.starrocks.connector.flink.catalog.StarRocksCatalog;
import com.starrocks.connector.flink.catalog.StarRocksColumn;
import com.starrocks.connector.flink.catalog.StarRocksTable;
import com.starrocks.connector.flink.connection.StarRocksJdbcConnectionOptions;
import com.starrocks.connector.flink.connection.StarRocksJdbcConnectionProvider;
import com.starrocks.connector.flink.manager.StarRocksQueryVisitor;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Drives the catalog and the schema queries of flink-connector-starrocks, unmodified, with the Connector/J that it
 * bundles: MYSQL_HOST:PORT USER PASSWORD DATABASE TABLE. What the connector understood is printed.
 */
public final class CatalogDriver {
    private CatalogDriver() {
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:mysql://" + args[0];
        StarRocksCatalog catalog = new StarRocksCatalog(url, args[1], args[2]);
        catalog.open();
        catalog.createDatabase(args[3], true);
        System.out.println("DATABASE " + catalog.databaseExists(args[3]));
        catalog.createTable(table(args[3], args[4]), true);
        StarRocksTable found = catalog.getTable(args[3], args[4]).get();
        System.out.println("TYPE " + found.getTableType() + " KEYS " + found.getTableKeys().orElse(null));
        for (StarRocksColumn c : found.getColumns()) {
            System.out.println("COLUMN " + c.getColumnName() + " " + c.getDataType() + " " + c.isNullable() + " "
                    + c.getColumnSize().orElse(null) + " " + c.getDecimalDigits().orElse(null));
        }
        catalog.close();
        StarRocksQueryVisitor visitor = new StarRocksQueryVisitor(
                new StarRocksJdbcConnectionProvider(new StarRocksJdbcConnectionOptions(url, args[1], args[2])),
                args[3], args[4]);
        System.out.println("VERSION " + visitor.getStarRocksVersion());
        for (Map<String, Object> row : visitor.getTableColumnsMetaData()) {
            System.out.println("META " + new TreeMap<>(row));
        }
        System.out.println("MAPPING " + new TreeMap<>(visitor.getFieldMapping()));
        System.exit(0);
    }

    private static StarRocksTable table(String database, String name) {
        StarRocksColumn key = column("id", 0, "INT", false, null, null);
        StarRocksColumn text = column("name", 1, "VARCHAR", true, 20, null);
        StarRocksColumn price = column("price", 2, "DECIMAL", true, 18, 2);
        StarRocksColumn when = column("at", 3, "DATETIME", true, null, null);
        return new StarRocksTable.Builder()
                .setDatabaseName(database)
                .setTableName(name)
                .setTableType(StarRocksTable.TableType.PRIMARY_KEY)
                .setColumns(Arrays.asList(key, text, price, when))
                .setTableKeys(Collections.singletonList("id"))
                .setDistributionKeys(Collections.singletonList("id"))
                .setNumBuckets(1)
                .setComment("made by the catalog")
                .setTableProperties(Collections.singletonMap("replication_num", "1"))
                .build();
    }

    private static StarRocksColumn column(
            String name, int position, String type, boolean nullable, Integer size, Integer digits) {
        StarRocksColumn.Builder builder = new StarRocksColumn.Builder()
                .setColumnName(name).setOrdinalPosition(position).setDataType(type).setNullable(nullable);
        if (size != null) {
            builder.setColumnSize(size);
        }
        if (digits != null) {
            builder.setDecimalDigits(digits);
        }
        return builder.build();
    }
}
