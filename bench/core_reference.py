"""The reference library at the work of `bench/core.mjs`: decode, map with 17 rules, merge. Prints JSON."""

import json
import ntpath
import resource
import sys
import time
from datetime import datetime, timezone

from deadline.job_attachments._path_mapping import _PathMappingRuleApplier
from deadline.job_attachments.asset_manifests.decode import decode_manifest
from deadline.job_attachments.download import _merge_asset_manifests_sorted_asc_by_last_modified
from deadline.job_attachments.models import PathMappingRule

documents = [open(path, encoding="utf-8").read() for path in sys.argv[1:]]
rules = [
    PathMappingRule(
        "windows",
        "Z:\\Projects" if i == 16 else f"Z:\\Other{i}\\Place",
        f"/mnt/studio/place{i}",
    )
    for i in range(17)
]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
start = time.perf_counter()
applier = _PathMappingRuleApplier(rules)
epoch = datetime.fromtimestamp(0, timezone.utc)
manifests = []
for document in documents:
    manifest = decode_manifest(document)
    for path in manifest.paths:
        source = ntpath.normpath(ntpath.join("Z:\\Projects\\Lighthouse", path.path))
        path.path = str(applier.strict_transform(source))
    manifests.append((epoch, manifest))
merged = _merge_asset_manifests_sorted_asc_by_last_modified(manifests)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
json.dump({"files": len(merged.paths), "seconds": seconds, "bytes": peak - before}, sys.stdout)
