"""Moves a repository of a Hub to S3 as Koldun's downloader is described to do; our own reading, not its code.

The list of files at `main`; for each file, a few at once: HEAD at the Hub, HEAD in the bucket, skipped when the
sizes are the same; else one stream of requests into boto3's upload_fileobj, a multipart upload that holds one
part. Nothing is verified. A chunk is an eighth of the memory divided by the concurrency, 8 to 64 MiB.

usage: koldun.py REPOSITORY S3_ENDPOINT BUCKET PREFIX CONCURRENCY MEMORY_MIB
"""
import concurrent.futures
import sys
import threading

import boto3
import botocore.exceptions
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from huggingface_hub import HfApi, hf_hub_url

repository, endpoint, bucket, prefix, concurrency, memory = sys.argv[1:]
chunk = max(8, min(64, int(memory) // int(concurrency) // 8)) << 20
s3 = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',
                  config=Config(s3={'addressing_style': 'path'}, max_pool_connections=16))
transfer = TransferConfig(multipart_threshold=chunk, multipart_chunksize=chunk, max_concurrency=1, use_threads=False)
local = threading.local()


def size_at_hub(session, url):
    response = session.head(url, allow_redirects=True)
    response.raise_for_status()
    length = response.headers.get('Content-Length')
    return int(length) if length else None


def size_in_bucket(key):
    try:
        return s3.head_object(Bucket=bucket, Key=key)['ContentLength']
    except botocore.exceptions.ClientError:
        return None


def move(name):
    if not hasattr(local, 'session'):
        local.session = requests.Session()
    url, key = hf_hub_url(repository, name), prefix + name
    size = size_at_hub(local.session, url)
    if size is not None and size == size_in_bucket(key):
        return
    with local.session.get(url, stream=True) as response:
        response.raise_for_status()
        response.raw.decode_content = True
        s3.upload_fileobj(response.raw, bucket, key, Config=transfer)


with concurrent.futures.ThreadPoolExecutor(int(concurrency)) as pool:
    for done in pool.map(move, HfApi().list_repo_files(repository)):
        pass
