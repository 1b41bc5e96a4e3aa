"""The model card: written from the manifest, the run's own log and the measurements; no figure by hand."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

from mice_train.data import open_json_lines
from mice_train.job import Job
from mice_train.validation import mean_figure

TEXT = Path(__file__).with_name("card.md")
LOG_ROWS = 12
OPTIONAL = {
    "query-fast": "- `query-fast.onnx`: the same inputs → `vector` float32 [B,{hidden}] of a query in the same\n"
                  "  space.\n",
    "cross-encoder": "- `cross-encoder.onnx`: with `token_type_ids` beside, `[CLS] query [SEP] document [SEP]` of at "
                     "most\n  {pair_tokens} tokens → `scores` float32 [B]; {pair_cosine:.3f} × cosine is added.\n",
}

KEPT = {
    "all": "Store the first *length* rows.",
    "merged": "Of the first *length* rows the most alike neighbours become their means before they are\n  stored until "
              "a third of them, rounded down, is gone or no two are left: by cosine, of equals the earlier pair, a\n"
              "  row in one pair at most, the first and last in none.",
}
"""By the manifest's stateTokens."""


def write_card(manifest: dict, job: Job, directory: Path) -> None:
    """As README.md of the bundle."""
    log = [json.loads(line) for line in (job.mice_folder / "log.jsonl").read_text().splitlines()]
    dims, limits, score, source = (manifest[key] for key in ("dims", "limits", "score", "source"))
    half = manifest["stateDtype"] == "int4"
    values = {
        "name": manifest["name"],
        "licence_tag": manifest["licence"].lower(),
        "model": source["model"],
        "source_licence": source["licence"],
        "bottom": source["bottomLayers"],
        "blocks": source["interactionLayers"],
        "interaction": ("one interaction layer lets" if source["interactionLayers"] == 1
                        else f"{source['interactionLayers']} interaction layers let"),
        "hidden": dims["hidden"],
        "dims": dims["states"],
        "state_dtype": manifest["stateDtype"],
        "token_bytes": dims["states"] // (2 if half else 1) + 4,
        "kept": KEPT[manifest["stateTokens"]],
        "document_tokens": limits["documentTokens"],
        "query_tokens": limits["queryTokens"],
        "optional": optional_graphs(manifest),
        "quality": quality_table(manifest["quality"]["ndcg@10"]),
        "mean_of": ", ".join(job.recipe.evaluate.mean_of),
        "sample": job.recipe.evaluate.sample,
        "cosine_weight": f"{score['cosineWeight']:.3f}",
        "first_stage_kind": score["firstStage"]["kind"],
        "first_stage_weight": f"{score['firstStage']['weight']:g}",
        "training": training_table(log),
        "validation": validation_table(log),
        "summary": summary(log),
        "data": data_table(manifest["trainingData"]),
        "attribution": attribution(job),
        "timings": timing_table(job.work / f"timings-{job.recipe.name}.json"),
        "tolerance": tolerance_block(manifest["tolerance"]),
        "megabytes": f"{sum(f.stat().st_size for f in directory.iterdir()) / 1e6:.1f}",
    }
    (directory / "README.md").write_text(TEXT.read_text().format(**values).rstrip() + "\n")


def tolerance_block(tolerance: dict) -> str:
    return "```json\n" + json.dumps(tolerance, indent=2) + "\n```"


def renew_tolerance(directory: Path, before: dict, after: dict) -> None:
    """In the card of a bundle, where it has one."""
    path = directory / "README.md"
    if path.exists():
        path.write_text(path.read_text().replace(tolerance_block(before), tolerance_block(after)))


def optional_graphs(manifest: dict) -> str:
    pairs = manifest["score"].get("crossEncoder", {})
    values = {"hidden": manifest["dims"]["hidden"], "pair_tokens": manifest["limits"].get("pairTokens"),
              "pair_cosine": pairs.get("cosineWeight", 0.0)}
    return "".join(text.format(**values) for role, text in OPTIONAL.items() if role in manifest["graphs"])


def table(header: list[str], rows: list[list[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def quality_table(figures: dict[str, dict[str, float]]) -> str:
    ways = list(next(iter(figures.values())))
    return table(["set", *ways], [[name, *(f"{found[way]:.4f}" for way in ways)] for name, found in figures.items()])


def training_table(log: list[dict]) -> str:
    rows = [row for row in log if "loss" in row]
    every = max(1, len(rows) // LOG_ROWS)
    shown = [row for n, row in enumerate(rows, start=1) if n % every == 0 or n == len(rows)]
    return table(["step", "pairs", "minutes", "pairs/s", "loss", "cosine weight"], [
        [row["step"], f"{row['pairs']:,}", f"{row['minutes']:.1f}", f"{row['pairs'] / row['minutes'] / 60:.0f}",
         f"{row['loss']:.4f}", f"{row['cosineWeight']:.2f}"] for row in shown])


def summary(log: list[dict]) -> str:
    checks = [row for row in log if "validation" in row]
    best = max(checks, key=picked_by)
    bm25, cosine, model = (mean_figure(best["validation"], way) for way in range(3))
    return (f"Picked: step {best['step']} of {checks[-1]['step']}, mean nDCG@10 over the validation sets of written "
            f"queries {model:.4f}, where BM25 has {bm25:.4f} and the cosine {cosine:.4f}.")


def picked_by(row: dict) -> float:
    return mean_figure(row["validation"])


def validation_table(log: list[dict]) -> str:
    checks = [row for row in log if "validation" in row]
    best = max(checks, key=picked_by)
    return table(["pool/style", "bm25", "cosine", "model"],
                 [[name, *(f"{figure:.3f}" for figure in ways)] for name, ways in sorted(best["validation"].items())])


def data_table(entries: list[dict]) -> str:
    rows = [[entry["name"], entry["licence"], f"{entry['queries']:,}"] for entry in entries]
    return table(["set", "licence", "training queries"], rows)


def attribution(job: Job) -> str:
    """The documentation pages' repositories, where these were trained on."""
    if "docs" not in job.recipe.data.sets:
        return ""
    licences: dict[str, Counter[str]] = defaultdict(Counter)
    for row in open_json_lines(job.data / "train" / "docs-pairs.jsonl.gz"):
        licences[row["repo"]][row["license"]] += 1
    rows = [[repo, ", ".join(sorted(found))] for repo, found in sorted(licences.items())]
    said = "Passages and queries of docs-pairs come from these repositories' documentation:"
    return f"\n{said}\n\n{table(['repository', 'licence'], rows)}\n"


def timing_table(path: Path) -> str:
    if not path.exists():
        return "Not measured."
    rows = json.loads(path.read_text())
    return table(["what", *rows[0]["ms"]], [[row["what"], *(f"{ms:.1f}" for ms in row["ms"].values())] for row in rows])
