"""Where an artifact is, or goes, on the command lines of the programs: a folder, or a prefix of a bucket."""
from program import Failure, USAGE, interruptible, matching, positive
from web import Http, Patience


def add_place(parser):
    parser.add_argument('--key', required=True, help='names the artifact; a marker with another key is not ours')
    parser.add_argument('--dir', help='the folder of the artifact')
    parser.add_argument('--bucket')
    parser.add_argument('--prefix', help='the folder of the artifact in the bucket')
    parser.add_argument('--s3-endpoint', type=matching('https?://[^/]+.*', 'an http(s) address'))
    parser.add_argument('--s3-region', default='us-east-1')
    parser.add_argument('--s3-addressing', choices=['path', 'host'], default='path', help='where the bucket is named')
    parser.add_argument('--stall-seconds', type=positive, default=60, help='a silence longer than this ends a request')
    parser.add_argument('--attempts', type=positive, default=8, help='tries without progress before giving up')


def add_moving(parser):
    parser.add_argument('--workers', type=positive, default=8)
    parser.add_argument('--chunk-mib', type=positive, default=8)
    parser.add_argument('--progress-seconds', type=positive, default=10)


def check(options):
    """Refuses options that do not go together."""
    if bool(options.dir) == bool(options.bucket):
        raise Failure(USAGE, 'give either --dir or --bucket')
    check_bucket(options)


def check_bucket(options):
    if options.bucket and not (options.s3_endpoint and (options.prefix or '').strip('/')):
        raise Failure(USAGE, '--bucket needs --s3-endpoint and a --prefix')


def work(options, function):
    """What `function` makes of the place; nothing that costs money is left behind when it fails."""
    Http.stall, Patience.attempts = options.stall_seconds, options.attempts
    # Each pod mounts the modules that it needs: one has no bucket.py, another no folder.py.
    if options.bucket:
        from bucket import Bucket
        from s3_client import S3
        in_host = options.s3_addressing == 'host'
        place = Bucket(S3(options.s3_endpoint, options.s3_region, options.bucket, in_host=in_host), options.prefix)
    else:
        from folder import Directory
        place = Directory(options.dir)
    try:
        return interruptible(lambda: function(place))
    except BaseException:
        place.abandon()
        raise
