"""Lets the reference library act on a farm: upload a job's outputs, download them, read a manifest.

usage: reference.py upload|download|decode < request.json > answer.json

The endpoint and the credentials come from the usual AWS_* environment variables.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import boto3
from deadline.job_attachments.asset_manifests.decode import decode_manifest
from deadline.job_attachments.asset_sync import AssetSync
from deadline.job_attachments.download import OutputDownloader
from deadline.job_attachments.models import (
    Attachments,
    FileConflictResolution,
    JobAttachmentS3Settings,
    ManifestProperties,
    PathFormat,
)
from deadline.job_attachments._utils import _get_unique_dest_dir_name

# sync_outputs is deprecated for its callers, but it is what workers run.
warnings.simplefilter("ignore", DeprecationWarning)


def write_outputs(directory: Path, files: list) -> None:
    for file in files:
        path = directory / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file["text"].encode() * file.get("repeat", 1))
        nanoseconds = file["mtime"] * 1000
        os.utime(path, ns=(nanoseconds, nanoseconds))


def upload(request: dict) -> dict:
    session = boto3.Session()
    if request.get("createBucket"):
        session.client("s3").create_bucket(Bucket=request["bucket"])
    settings = JobAttachmentS3Settings(request["bucket"], request["rootPrefix"])
    for action in request["actions"]:
        directory = Path(request["sessions"]) / action["sessionActionId"]
        manifests = []
        for root in action["roots"]:
            write_outputs(directory / _get_unique_dest_dir_name(root["rootPath"]), root["files"])
            manifests.append(
                ManifestProperties(
                    rootPath=root["rootPath"],
                    rootPathFormat=PathFormat(root["rootPathFormat"]),
                    fileSystemLocationName=root.get("fileSystemLocationName"),
                    outputRelativeDirectories=["."],
                )
            )
        AssetSync(request["farmId"], boto3_session=session).sync_outputs(
            s3_settings=settings,
            attachments=Attachments(manifests=manifests),
            queue_id=request["queueId"],
            job_id=request["jobId"],
            step_id=action["stepId"],
            task_id=action["taskId"],
            session_action_id=action["sessionActionId"],
            start_time=action["startTime"],
            session_dir=directory,
        )
    return {"uploaded": len(request["actions"])}


def download(request: dict) -> dict:
    downloader = OutputDownloader(
        JobAttachmentS3Settings(request["bucket"], request["rootPrefix"]),
        request["farmId"],
        request["queueId"],
        request["jobId"],
        session=boto3.Session(),
    )
    for root, directory in request["roots"].items():
        downloader.set_root_path(root, directory)
    summary = downloader.download(FileConflictResolution.OVERWRITE)
    return {"files": summary.processed_files}


def decode(request: dict) -> dict:
    manifest = decode_manifest(request["manifest"])
    return {
        "encoded": manifest.encode(),
        "paths": [[p.path, p.hash, p.size, p.mtime] for p in manifest.paths],
    }


if __name__ == "__main__":
    command = {"upload": upload, "download": download, "decode": decode}[sys.argv[1]]
    json.dump(command(json.load(sys.stdin)), sys.stdout)
