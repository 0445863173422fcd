"""The runtime on graphs and models whose answers TensorFlow computed (../shared/corpus, ../shared/models)."""

import pathlib
import tarfile

import pytest

from bundle_tool import SHARED
from runtime_tool import Case, Runner, difference

CORPUS = SHARED / "corpus" / "tf-graphs.tar.xz"
MODELS = SHARED / "models"

# What runs and is right may only grow.
CORPUS_AT_LEAST = 1378
MODELS_AT_LEAST = 149

# TopKV2 with sorted=false: TensorFlow gives the order of its heap, we give them sorted.
UNSORTED = {"topk/rank2_k5", "topk/rank3_k3"}


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


def judge(counts, wrong, name, answer, values, case, fetched):
    """Sorts one run into right, unsupported or wrong."""
    if answer.startswith("UNIMPLEMENTED"):
        counts["unsupported"] += 1
        return
    problems = [answer] if answer != "ok" else []
    for fields in case.expected:
        if answer == "ok" and fields[0] in fetched:
            problem = difference(values[fields[0]], case, fields)
            problems += [problem] if problem else []
    if not problems and not case.expected:
        return
    counts["wrong" if problems else "right"] += 1
    if problems:
        wrong.append(f"{name}: {'; '.join(problems)[:300]}")


def report(title, counts, wrong):
    print(f"\n{title}: {counts['right']} right, {counts['wrong']} wrong, {counts['unsupported']} not supported")
    for line in wrong:
        print("  " + line)


@pytest.mark.skipif(not CORPUS.exists(), reason="../shared/corpus is absent")
def test_graphs_of_the_corpus(runner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    with tarfile.open(CORPUS) as archive:
        archive.extractall(folder)
    counts, wrong = {"right": 0, "wrong": 0, "unsupported": 0}, []
    for graph in sorted(folder.rglob("graph.pb")):
        case = Case(graph.parent)
        answer = runner.open(graph)
        values, fetches = {}, [fields[0] for fields in case.expected]
        if answer == "ok":
            answer, values = runner.run({fields[0]: case.folder / fields[3] for fields in case.inputs}, fetches)
        judge(counts, wrong, str(graph.parent.relative_to(folder)), answer, values, case, fetches)
    report("corpus", counts, wrong)
    assert not [line for line in wrong if line.split(":")[0] not in UNSORTED]
    assert counts["right"] >= CORPUS_AT_LEAST


def model_cases():
    for inputs in sorted(MODELS.rglob("golden-tf/**/inputs.txt")):
        yield inputs.parent


@pytest.mark.skipif(not MODELS.exists(), reason="../shared/models is absent")
def test_models(runner):
    counts, wrong = {"right": 0, "wrong": 0, "unsupported": 0}, []
    opened = None
    for folder in model_cases():
        golden = next(p for p in folder.parents if p.name == "golden-tf")
        model, case = golden.parent, Case(folder)
        key = folder.relative_to(golden).parts[0].replace("%2F", "/")
        name = str(folder.relative_to(MODELS))
        path = find_model(model, key)
        if path is None:
            continue
        if path != opened:
            answer, opened = runner.open(path), path
            if answer != "ok":
                opened = None
                judge(counts, wrong, name, answer, {}, case, [])
                continue
        fetches = [fields[0] for fields in case.expected]
        inputs = {fields[0]: case.folder / fields[3] if fields[3].endswith(".npy") else case.value(fields)
                  for fields in case.inputs}
        answer, values = runner.run(inputs, fetches, None if ":" in fetches[0] else key)
        judge(counts, wrong, name, answer, values, case, fetches)
        if answer.startswith("CRASHED"):
            opened = None
    report("models", counts, wrong)
    assert not wrong
    assert counts["right"] >= MODELS_AT_LEAST


def find_model(folder, key):
    """What the golden values beside it are of."""
    for candidate in (folder, folder / "saved_model"):
        if (candidate / "saved_model.pb").exists() or (candidate / "saved_model.pbtxt").exists():
            return candidate
    graphs = sorted(p for p in folder.glob("*.pb"))
    metas = sorted(folder.glob("*.meta"))  # with the checkpoint beside it
    if not graphs and key == "graph":
        return metas[0] if metas else None
    named = [p for p in graphs if p.stem == key]
    return named[0] if named else graphs[0] if graphs else None
