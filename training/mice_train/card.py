"""The model card: written from the manifest, the run's own log and the measurements; no figure by hand."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

from mice_train.data import open_json_lines
from mice_train.dev_sets import MEAN_OF, SAMPLED_QUERIES
from mice_train.evaluate import WAYS
from mice_train.validation import mean_figure

TEXT = Path(__file__).with_name("card.md")
LOG_ROWS = 12


def write_card(manifest: dict, data: Path, work: Path, directory: Path) -> None:
    log = [json.loads(line) for line in (work / "train-log.jsonl").read_text().splitlines()]
    values = {
        "name": manifest["name"],
        "quality": quality_table(manifest["quality"]["ndcg@10"]),
        "mean_of": ", ".join(MEAN_OF),
        "sampled": ", ".join(f"{name}: a fixed random sample of {n:,} queries" for name, n in SAMPLED_QUERIES.items()),
        "cosine_weight": f"{manifest['score']['cosineWeight']:.3f}",
        "first_stage_kind": manifest["score"]["firstStage"]["kind"],
        "first_stage_weight": f"{manifest['score']['firstStage']['weight']:g}",
        "training": training_table(log),
        "validation": validation_table(log),
        "summary": summary(log),
        "data": data_table(manifest["trainingData"]),
        "attribution": attribution_table(data),
        "timings": timing_table(work),
        "tolerance": "```json\n" + json.dumps(manifest["tolerance"], indent=2) + "\n```",
        "megabytes": f"{sum(f.stat().st_size for f in directory.iterdir()) / 1e6:.1f}",
    }
    (directory / "README.md").write_text(TEXT.read_text().format(**values))


def table(header: list[str], rows: list[list[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def quality_table(figures: dict[str, dict[str, float]]) -> str:
    return table(["set", *WAYS], [[name, *(f"{ways[way]:.4f}" for way in WAYS)] for name, ways in figures.items()])


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
    return table(["set", "licence", "queries seen"], [[e["name"], e["licence"], f"{e['queries']:,}"] for e in entries])


def attribution_table(data: Path) -> str:
    licences: dict[str, Counter[str]] = defaultdict(Counter)
    for row in open_json_lines(data / "train" / "docs-pairs.jsonl.gz"):
        licences[row["repo"]][row["license"]] += 1
    rows = [[repo, ", ".join(sorted(found))] for repo, found in sorted(licences.items())]
    return table(["repository", "licence"], rows)


def timing_table(work: Path) -> str:
    path = work / "timings.json"
    if not path.exists():
        return "Not measured."
    rows = json.loads(path.read_text())
    return table(["what", *rows[0]["ms"]], [[row["what"], *(f"{ms:.1f}" for ms in row["ms"].values())] for row in rows])
