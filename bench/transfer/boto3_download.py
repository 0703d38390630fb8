"""Fetches all below a prefix of a bucket into a folder by boto3's download_file: boto3_download.py ENDPOINT BUCKET PREFIX FOLDER"""
import os
import sys

import boto3
from botocore.config import Config

endpoint, bucket, prefix, folder = sys.argv[1:]
s3 = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1', config=Config(s3={'addressing_style': 'path'}))
for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix):
    for item in page.get('Contents', []):
        path = os.path.join(folder, item['Key'][len(prefix):])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        s3.download_file(bucket, item['Key'], path)
