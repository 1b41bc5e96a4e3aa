"""What the official Python clients do with a cluster, and what they saw of it, as one JSON object.

usage: conversation.py elasticsearch|opensearch < order.json

The order holds the cluster's url, an index that is not there yet, its documents by id, and a search.
"""

import json
import sys

PATIENCE = 60
"""Seconds for an answer: the machine may be busy."""


class Elastic:
    """elasticsearch, whose answers carry the headers they came with."""

    def __init__(self, url, **options):
        import elasticsearch.helpers

        self.errors = elasticsearch
        self.helpers = elasticsearch.helpers
        self.name = f"elasticsearch {'.'.join(map(str, elasticsearch.__version__))}"
        self.client = elasticsearch.Elasticsearch(url, max_retries=0, request_timeout=PATIENCE, **options)

    def search(self, **arguments):
        return self.client.search(**arguments)

    def verdict(self, answer):
        return answer.meta.headers.get("x-mice")

    def health_within(self, seconds, **arguments):
        return self.client.options(request_timeout=seconds).cluster.health(**arguments)

    def open_view(self, index):
        return self.client.open_point_in_time(index=index, keep_alive="1m")["id"]

    def close_view(self, view):
        return self.client.close_point_in_time(id=view)["succeeded"]


class OpenSearch:
    """opensearch-py, which keeps headers to its connection."""

    def __init__(self, url, **options):
        import opensearchpy.helpers

        connection = self

        class Noting(opensearchpy.Urllib3HttpConnection):
            def perform_request(self, *args, **kwargs):
                status, headers, body = super().perform_request(*args, **kwargs)
                connection.headers = headers
                return status, headers, body

        self.errors = opensearchpy
        self.helpers = opensearchpy.helpers
        self.name = f"opensearch-py {'.'.join(map(str, opensearchpy.__version__))}"
        self.client = opensearchpy.OpenSearch(
            url, max_retries=0, timeout=PATIENCE, connection_class=Noting, **options
        )

    def search(self, **arguments):
        return self.client.search(**arguments)

    def verdict(self, _answer):
        return self.headers.get("x-mice")

    def health_within(self, seconds, **arguments):
        return self.client.cluster.health(request_timeout=seconds, **arguments)

    def open_view(self, index):
        return self.client.create_pit(index=index, params={"keep_alive": "1m"})["pit_id"]

    def close_view(self, view):
        return self.client.delete_pit(body={"pit_id": [view]})["pits"][0]["successful"]


def ids(answer):
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def refused(work):
    """The client's own exception for what the cluster refuses."""
    try:
        work()
    except Exception as error:  # noqa: BLE001: whichever it is, is what is asked here
        return {"kind": type(error).__name__, "status": getattr(error, "status_code", None), "says": str(error)}
    return {"kind": None}


def converse(order, open_client):
    index, documents, search = order["index"], order["documents"], order["search"]
    it = open_client(order["url"])
    client, helpers = it.client, it.helpers
    seen = {"client": it.name}

    lines = [{"_index": index, "_id": at, **document} for at, document in documents.items()]
    written, _ = helpers.bulk(client, lines, refresh=True)
    again = [{"_op_type": "create", **line} for line in lines[:1]]
    _, failures = helpers.bulk(client, again, raise_on_error=False)
    raised = refused(lambda: helpers.bulk(client, again))
    seen["bulk"] = {
        "written": written,
        "failed": [failure["create"]["status"] for failure in failures],
        "raised": raised["kind"],
    }
    seen["count"] = client.count(index=index)["count"]
    seen["exists"] = [bool(client.indices.exists(index=name)) for name in (index, f"{index}-absent")]
    seen["source"] = client.get(index=index, id="move")["_source"]

    answer = it.search(index=index, body=search)
    seen["search"] = {"ids": ids(answer), "total": answer["hits"]["total"]["value"], "verdict": it.verdict(answer)}
    pages = [it.search(index=index, body={**search, "from": at, "size": 2}) for at in (0, 2)]
    seen["pages"] = [ids(page) for page in pages]
    seen["scrolled"] = [hit["_id"] for hit in helpers.scan(client, index=index, query=search, size=2)]

    view = it.open_view(index)
    seen["view"] = []
    after = {}
    while True:
        body = {**search, **after, "pit": {"id": view, "keep_alive": "1m"}, "sort": ["_score", "_doc"], "size": 2}
        batch = it.search(body=body)["hits"]["hits"]
        if not batch:
            break
        seen["view"] += [hit["_id"] for hit in batch]
        after = {"search_after": batch[-1]["sort"]}
    seen["viewClosed"] = it.close_view(view)

    several = client.msearch(body=[{"index": index}, search, {"index": f"{index}-absent"}, search])
    seen["several"] = {
        "ids": ids(several["responses"][0]),
        "failed": several["responses"][1]["status"],
        "verdict": it.verdict(several),
    }

    seen["missing"] = refused(lambda: it.search(index=f"{index}-absent", body=search))
    seen["conflict"] = refused(lambda: client.create(index=index, id="move", body={"text": "again"}))
    seen["malformed"] = refused(lambda: it.search(index=index, body={"query": {"nonsense": {}}}))
    seen["late"] = refused(lambda: it.health_within(0.3, wait_for_nodes="99", timeout="20s"))

    packing = open_client(order["url"], http_compress=True)
    packed = packing.search(index=index, body=search)
    seen["packed"] = {"ids": ids(packed), "verdict": packing.verdict(packed)}
    return seen


if __name__ == "__main__":
    opened = {"elasticsearch": Elastic, "opensearch": OpenSearch}[sys.argv[1]]
    print(json.dumps(converse(json.load(sys.stdin), opened)))
