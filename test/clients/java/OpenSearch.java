import org.opensearch.client.opensearch.OpenSearchClient;
import org.opensearch.client.opensearch._helpers.bulk.BulkIngester;
import org.opensearch.client.opensearch._helpers.bulk.BulkListener;
import org.opensearch.client.opensearch._types.OpenSearchException;
import org.opensearch.client.opensearch._types.FieldValue;
import org.opensearch.client.opensearch._types.Refresh;
import org.opensearch.client.opensearch._types.query_dsl.Query;
import org.opensearch.client.opensearch.core.BulkRequest;
import org.opensearch.client.opensearch.core.BulkResponse;
import org.opensearch.client.opensearch.core.search.Hit;
import org.opensearch.client.opensearch.core.search.Pit;
import org.opensearch.client.json.jackson.JacksonJsonpMapper;
import org.opensearch.client.transport.OpenSearchTransport;
import org.opensearch.client.transport.httpclient5.ApacheHttpClient5TransportBuilder;
import org.opensearch.client.transport.httpclient5.ResponseException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.util.Timeout;

/** What opensearch-java does with a cluster, and what it saw of it, as one JSON object. Reads the order from stdin. */
public final class OpenSearch {
    private static final int PATIENCE_MS = 60_000;

    private final OpenSearchTransport transport;
    private final OpenSearchClient client;
    private final String index;
    private final Query query;
    private volatile String verdict;

    private OpenSearch(JsonNode order, boolean compression, int timeoutMs) {
        index = order.get("index").asText();
        JsonNode asked = order.get("search").get("query").get("multi_match");
        List<String> fields = new ArrayList<>();
        asked.get("fields").forEach(field -> fields.add(field.asText()));
        query = Query.of(q -> q.multiMatch(m -> m.query(asked.get("query").asText()).fields(fields)));
        transport = ApacheHttpClient5TransportBuilder.builder(host(order.get("url").asText()))
            .setMapper(new JacksonJsonpMapper())
            .setCompressionEnabled(compression)
            .setHttpClientConfigCallback(builder -> builder.addResponseInterceptorLast((response, entity, context) -> {
                Header header = response.getFirstHeader("x-mice");
                verdict = header == null ? null : header.getValue();
            }))
            .setRequestConfigCallback(config -> config.setResponseTimeout(Timeout.ofMilliseconds(timeoutMs)))
            .build();
        client = new OpenSearchClient(transport);
    }

    private static HttpHost host(String url) {
        URI uri = URI.create(url);
        return new HttpHost(uri.getScheme(), uri.getHost(), uri.getPort());
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        JsonNode order = json.readTree(System.in);
        OpenSearch usual = new OpenSearch(order, false, PATIENCE_MS);
        OpenSearch packing = new OpenSearch(order, true, PATIENCE_MS);
        OpenSearch hasty = new OpenSearch(order, false, 300);
        Map<String, Object> seen = usual.converse(json, order);
        List<String> packed = packing.search(0, 10);
        seen.put("packed", Map.of("ids", packed, "verdict", String.valueOf(packing.verdict)));
        seen.put("late", refused(() ->
            hasty.client.cluster().health(h -> h.waitForNodes(n -> n.count(99)).timeout(t -> t.time("20s")))));
        for (OpenSearch one : List.of(usual, packing, hasty)) one.transport.close();
        System.out.println(json.writeValueAsString(seen));
    }

    private Map<String, Object> converse(ObjectMapper json, JsonNode order) throws Exception {
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("client", "opensearch-java " + org.opensearch.client.transport.Version.VERSION);
        List<Integer> failed = Collections.synchronizedList(new ArrayList<>());
        int written = bulk(json, order, false, failed);
        bulk(json, order, true, failed);
        Map<String, Object> bulk = new LinkedHashMap<>();
        bulk.put("written", written);
        bulk.put("failed", failed);
        bulk.put("raised", null);
        seen.put("bulk", bulk);
        seen.put("count", client.count(c -> c.index(index)).count());
        seen.put("exists", List.of(
            client.indices().exists(e -> e.index(index)).value(),
            client.indices().exists(e -> e.index(index + "-absent")).value()));
        seen.put("source", client.get(g -> g.index(index).id("move"), Map.class).source());

        long total = client.search(s -> s.index(index).query(query), Map.class).hits().total().value();
        List<String> found = search(0, 10);
        seen.put("search", Map.of("ids", found, "total", total, "verdict", String.valueOf(verdict)));
        seen.put("pages", List.of(search(0, 2), search(2, 2)));
        seen.put("scrolled", scrolled());
        seen.putAll(viewed());

        var several = client.msearch(m -> m
            .searches(one -> one.header(h -> h.index(index)).body(b -> b.query(query)))
            .searches(one -> one.header(h -> h.index(index + "-absent")).body(b -> b.query(query))), Map.class);
        seen.put("several", Map.of(
            "ids", ids(several.responses().get(0).result().hits().hits()),
            "failed", several.responses().get(1).failure().status(),
            "verdict", String.valueOf(verdict)));
        seen.put("missing", refused(() -> client.search(s -> s.index(index + "-absent").query(query), Map.class)));
        seen.put("conflict", refused(() -> client.create(c -> c.index(index).id("move").document(Map.of("text", "again")))));
        seen.put("malformed", refused(() ->
            client.search(s -> s.index(index).query(q -> q.queryString(t -> t.query("(unclosed"))), Map.class)));
        return seen;
    }

    /** By the client's ingester; gives how many items were written. */
    private int bulk(ObjectMapper json, JsonNode order, boolean onlyNew, List<Integer> failed) {
        List<Integer> statuses = Collections.synchronizedList(new ArrayList<>());
        BulkListener<Void> listener = new BulkListener<>() {
            @Override
            public void beforeBulk(long execution, BulkRequest request, List<Void> contexts) {}

            @Override
            public void afterBulk(long execution, BulkRequest request, List<Void> contexts, BulkResponse response) {
                response.items().forEach(item -> statuses.add(item.status()));
            }

            @Override
            public void afterBulk(long execution, BulkRequest request, List<Void> contexts, Throwable failure) {
                throw new IllegalStateException(failure);
            }
        };
        try (BulkIngester<Void> ingester = BulkIngester.of(b -> b
                .client(client).listener(listener).globalSettings(g -> g.refresh(Refresh.True)))) {
            for (var document : order.get("documents").properties()) {
                Map<?, ?> source = json.convertValue(document.getValue(), Map.class);
                String id = document.getKey();
                if (onlyNew) {
                    ingester.add(op -> op.create(c -> c.index(index).id(id).document(source)));
                    break;
                }
                ingester.add(op -> op.index(i -> i.index(index).id(id).document(source)));
            }
        }
        statuses.stream().filter(status -> status >= 300).forEach(failed::add);
        return (int) statuses.stream().filter(status -> status < 300).count();
    }

    private List<String> search(int from, int size) throws Exception {
        return ids(client.search(s -> s.index(index).query(query).from(from).size(size), Map.class).hits().hits());
    }

    private List<String> scrolled() throws Exception {
        List<String> all = new ArrayList<>();
        var first = client.search(s -> s.index(index).query(query).size(2).scroll(t -> t.time("1m")), Map.class);
        String scroll = first.scrollId();
        List<String> batch = ids(first.hits().hits());
        while (!batch.isEmpty()) {
            all.addAll(batch);
            String id = scroll;
            var next = client.scroll(s -> s.scrollId(id).scroll(t -> t.time("1m")), Map.class);
            scroll = next.scrollId();
            batch = ids(next.hits().hits());
        }
        String last = scroll;
        client.clearScroll(c -> c.scrollId(last));
        return all;
    }

    private Map<String, Object> viewed() throws Exception {
        String view = client.createPit(c -> c.index(index).keepAlive(t -> t.time("1m"))).pitId();
        Pit pit = new Pit.Builder().id(view).keepAlive("1m").build();
        List<String> all = new ArrayList<>();
        List<FieldValue> after = List.of();
        while (true) {
            List<FieldValue> position = after;
            var hits = client.search(s -> {
                s.pit(pit).query(query).size(2)
                    .sort(o -> o.score(v -> v)).sort(o -> o.doc(v -> v));
                return position.isEmpty() ? s : s.searchAfter(position);
            }, Map.class).hits().hits();
            if (hits.isEmpty()) break;
            all.addAll(ids(hits));
            after = hits.get(hits.size() - 1).sort();
        }
        return Map.of("view", all, "viewClosed", client.deletePit(d -> d.pitId(view)).pits().get(0).successful());
    }

    @SuppressWarnings("rawtypes")
    private static List<String> ids(List<Hit<Map>> hits) {
        return hits.stream().map(Hit::id).toList();
    }

    private static Map<String, Object> refused(Callable<?> work) {
        Map<String, Object> refusal = new LinkedHashMap<>();
        try {
            work.call();
            refusal.put("kind", null);
        } catch (OpenSearchException error) {
            refusal.put("kind", error.getClass().getSimpleName());
            refusal.put("status", error.status());
            refusal.put("says", error.error().type());
        } catch (ResponseException error) {
            // What the typed layer does not take for an answer of this request comes as the REST layer raised it.
            refusal.put("kind", error.getClass().getSimpleName());
            refusal.put("status", error.status());
            refusal.put("says", error.getMessage());
        } catch (Exception error) {
            refusal.put("kind", error.getClass().getSimpleName());
            refusal.put("says", String.valueOf(error.getMessage()));
        }
        return refusal;
    }
}
