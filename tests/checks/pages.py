#!/usr/bin/env python3
"""Every format has its page under docs/formats/, with a hex example and no link that leads nowhere."""

import os
import re

import check

# The page on which what a header of src/format/ reads or writes is described; None when it is no format of its own.
PAGES = {
    "bundle": "bundle", "bundle_entry": "bundle", "bundle_slice": "bundle", "bundle_survey": "bundle", "bundle_edit": "bundle",
    "bundle_rewrite": "bundle", "bundle_rewrite_plan": "bundle", "bundle_compact": "bundle", "bundle_join": "bundle",
    "checkpoint": "checkpoint", "checkpoint_v1": "checkpoint_v1",
    "checkpoint_state": "checkpoint", "fingerprint": "saved_model",
    "labels": "labels", "labels_file": "labels", "labels_offsets": "label_offsets", "tensor_json": "tensor_json",
    "npy": "npy", "npz": "npz", "libzip": "npz", "vectors": "vectors", "sstable": "sstable", "saved_model": "saved_model",
    "index_files": "index", "shards": None, "shards_open": None, "tensor_proto": None, "store": None,
    "json_tree": None,
}
ALSO = {"fused_model", "manifest", "index"}  # what src/edit/ and src/search/ write
HEX = re.compile(r"\b(?:[0-9a-f]{2,4} ){5,}", re.I)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def wanted():
    names = set(ALSO)
    for header in check.files("src/format/*.h"):
        name = os.path.basename(header)[:-2]
        if re.search(r"_(private|parts)$", name):  # seen by its own room only
            continue
        if check.expect(name in PAGES, f"{header}: tests/checks/pages.py does not say which page describes it"):
            names.add(PAGES[name])
    return names - {None}


pages = {os.path.basename(name)[:-3]: name for name in check.files("docs/formats/*.md")}
for name in sorted(wanted()):
    check.expect(name in pages, f"there is no docs/formats/{name}.md")
for name, page in pages.items():
    text = check.read(page)
    check.expect(HEX.search(text), f"{page} has no hex example")
    check.expect(len(text) > 800, f"{page} is too short to describe a format")
for page in check.files("*.md"):
    for target, _ in LINK.findall(check.read(page)):
        if not target.startswith(("http:", "https:", "mailto:")):
            path = os.path.join(check.ROOT, os.path.dirname(page), target)
            check.expect(os.path.exists(path), f"{page}: the link to {target} leads nowhere")
check.finish()
