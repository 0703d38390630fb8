import { secretEnv } from '../pod/secret-env';
import { S3StoreProps } from './model-store';

const KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/** The arguments by which a program writes to a folder of the bucket. */
export function s3Args(s3: S3StoreProps, path: string): string[] {
  return [
    `--s3-endpoint=${s3.endpoint}`,
    `--s3-region=${s3.region ?? 'us-east-1'}`,
    `--bucket=${s3.bucket}`,
    `--prefix=${s3.prefix ? `${s3.prefix}/` : ''}${path}`,
  ];
}

/** The credentials, by reference. */
export function s3Env(s3: S3StoreProps): Record<string, unknown>[] {
  return KEYS.map((key) => secretEnv(key, s3.credentialsSecret.name, key));
}

/** What the Secret is for, as in the annotation that lists Secrets. */
export function s3SecretPurpose(s3: S3StoreProps): string {
  return `${s3.credentialsSecret.name}/${KEYS.join(',')}=write to bucket ${s3.bucket}`;
}
