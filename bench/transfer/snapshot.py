"""Fetches a repository of a Hub into a folder by huggingface_hub: snapshot.py REPOSITORY COMMIT FOLDER WORKERS"""
import sys

from huggingface_hub import snapshot_download

repository, commit, folder, workers = sys.argv[1:]
snapshot_download(repository, revision=commit, local_dir=folder, max_workers=int(workers))
