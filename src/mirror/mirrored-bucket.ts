import { S3ConnectionProps, s3Connection } from '../artifact/s3-connection';
import { MirrorRules, NO_MIRROR } from './rules';

/**
 * A bucket by the server that the mirror names in place of its own. The region stays, which a server of AWS has in
 * its name.
 *
 * @internal
 */
export function mirroredBucket<Props extends S3ConnectionProps>(bucket: Props, rules: MirrorRules): Props {
  if (rules === NO_MIRROR) return bucket;
  const { endpoint, region } = s3Connection(bucket);
  return { ...bucket, region, endpoint: rules.web(endpoint) };
}
