"""Peers at the works of bench/transfer.mjs: the reference library, and s5cmd as a child process.

usage: transfer_peers.py deadline|s5cmd REQUEST

REQUEST is JSON: s3, farmId, queueId, jobId, rootPath, directory, list. Prints JSON.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def memory(name: str) -> int:
    """One of the kernel's numbers about this process's memory, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def took(start: float, who: int, idle: int, peak: int) -> dict:
    usage = resource.getrusage(who)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "idle": idle, "peak": peak, "cpu": usage.ru_utime + usage.ru_stime}


def deadline(request: dict) -> dict:
    import boto3
    from deadline.job_attachments.download import OutputDownloader
    from deadline.job_attachments.models import FileConflictResolution, JobAttachmentS3Settings

    idle = memory("VmRSS:")
    start = time.perf_counter()
    downloader = OutputDownloader(
        JobAttachmentS3Settings(request["s3"]["bucket"], request["s3"]["rootPrefix"]),
        request["farmId"],
        request["queueId"],
        request["jobId"],
        session=boto3.Session(),
    )
    downloader.set_root_path(request["rootPath"], request["directory"])
    downloader.download(FileConflictResolution.OVERWRITE)
    return took(start, resource.RUSAGE_SELF, idle, memory("VmHWM:"))


def s5cmd(request: dict) -> dict:
    bucket = request["s3"]["bucket"]
    lines = Path(request["list"]).read_text().splitlines()
    commands = [f"cp s3://{bucket}/{key} {path}\n" for key, path in (line.split("\t") for line in lines)]
    program = [Path(sys.executable).with_name("s5cmd"), "--endpoint-url", request["s3"]["endpoint"], "run"]
    start = time.perf_counter()
    subprocess.run(
        program,
        input="".join(commands).encode(),
        cwd=request["directory"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return took(start, resource.RUSAGE_CHILDREN, 0, peak)


if __name__ == "__main__":
    print(json.dumps({"deadline": deadline, "s5cmd": s5cmd}[sys.argv[1]](json.loads(sys.argv[2]))))
