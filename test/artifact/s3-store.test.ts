import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, PersistentVolumeReclaimPolicy } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { PhasedApp, S3CsiProps, S3StoreProps } from '../../src';
import {
  argument,
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  texts,
  the,
  violationsOf,
} from '../support/objects';
import { cache, claim, conversion, s3, source, tinyFacts } from '../support/models';

/** The volume and claim by which a conversion reads a bucket. */
function volumeAndClaim(props: Partial<S3StoreProps> = {}) {
  const chart = plainChart();
  const weights = cache(chart, { store: s3(chart, props), facts: tinyFacts() });
  conversion(chart, { model: weights.artifact });
  const objects = objectsOf(chart);
  return {
    objects,
    artifact: weights.artifact,
    volume: the(objects, 'PersistentVolume'),
    claim: the(objects, 'PersistentVolumeClaim'),
    reader: the(objects, 'Job', /-q40-/),
  };
}

/** A driver of which nothing is known but what it is given. */
const OTHER_DRIVER: S3CsiProps = {
  driver: 's3.example.com',
  volumeAttributes: { name: 'models', path: 'llm x' },
};

describe('the volume by which a bucket is read', () => {
  test("has the defaults of Koldun's spec.pv, and its options for files that another user reads", () => {
    expect(volumeAndClaim({ bucket: 'my-bucket-model', prefix: 'Qwen/3' }).volume.spec).toEqual({
      capacity: { storage: '10Gi' },
      accessModes: ['ReadWriteMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: 'csi-s3',
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: 'llm',
        name: expect.stringMatching(/^models-my-bucket-model-qwen-3-[0-9a-f]{6}$/) as unknown,
      },
      csi: {
        driver: 'ru.yandex.s3.csi',
        volumeHandle: 'my-bucket-model/Qwen/3',
        controllerPublishSecretRef: { name: 'csi-s3-secret', namespace: 'kube-system' },
        nodePublishSecretRef: { name: 'csi-s3-secret', namespace: 'kube-system' },
        nodeStageSecretRef: { name: 'csi-s3-secret', namespace: 'kube-system' },
        volumeAttributes: {
          bucket: 'my-bucket-model',
          prefix: 'Qwen/3',
          capacity: '10Gi',
          mounter: 'geesefs',
          options: '--memory-limit 1000 --dir-mode 0777 --file-mode 0666',
        },
      },
    });
  });

  test('of a whole bucket has the bucket as its handle, and no prefix', () => {
    const { csi } = volumeAndClaim({ bucket: 'models' }).volume.spec;
    expect(csi.volumeHandle).toBe('models');
    expect(csi.volumeAttributes).not.toHaveProperty('prefix');
  });

  test('and its claim are bound to each other by name on both sides, in the same class', () => {
    const { volume, claim } = volumeAndClaim();
    expect(claim.spec.volumeName).toBe(volume.metadata.name);
    expect(volume.spec.claimRef).toMatchObject({
      name: claim.metadata.name,
      namespace: claim.metadata.namespace,
    });
    expect(claim.spec).toEqual({
      accessModes: ['ReadWriteMany'],
      storageClassName: 'csi-s3',
      volumeName: volume.metadata.name,
      resources: { requests: { storage: '10Gi' } },
    });
  });

  test('belongs to no namespace, so its name holds one', () => {
    const { volume } = volumeAndClaim();
    expect(volume.metadata.namespace).toBeUndefined();
    expect(volume.metadata.name).toMatch(/^llm-models-models-[0-9a-f]{6}$/);
  });

  test('is kept by every tool, and so is the claim', () => {
    const { volume, claim } = volumeAndClaim();
    for (const { metadata } of [volume, claim]) {
      expect(metadata.annotations).toMatchObject({
        'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
        'argocd.argoproj.io/compare-options': 'IgnoreExtraneous',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
      });
    }
  });

  test.each<[keyof S3CsiProps, S3CsiProps, string, unknown]>([
    ['driver', { driver: 'ru.yandex.s3.csi' }, 'volume.spec.csi.volumeAttributes.mounter', 'geesefs'],
    ['volumeHandle', { volumeHandle: 'models' }, 'volume.spec.csi.volumeHandle', 'models'],
    ['mountOptions', { mountOptions: ['ro'] }, 'volume.spec.mountOptions', ['ro']],
    ['mounter', { mounter: 's3fs' }, 'volume.spec.csi.volumeAttributes.mounter', 's3fs'],
    ['options', { options: '--debug' }, 'volume.spec.csi.volumeAttributes.options', '--debug'],
    [
      'volumeAttributes',
      { volumeAttributes: { region: 'eu' } },
      'volume.spec.csi.volumeAttributes.region',
      'eu',
    ],
    [
      'volumeAttributes',
      { volumeAttributes: { mounter: 'rclone' } },
      'volume.spec.csi.volumeAttributes.mounter',
      'rclone',
    ],
    [
      'secretName',
      { secretName: 'my-secret' },
      'volume.spec.csi.nodeStageSecretRef',
      { name: 'my-secret', namespace: 'kube-system' },
    ],
    [
      'secretNamespace',
      { secretNamespace: 'storage' },
      'volume.spec.csi.nodePublishSecretRef',
      { name: 'csi-s3-secret', namespace: 'storage' },
    ],
    [
      'secretNamespace',
      { secretNamespace: 'storage' },
      'volume.spec.csi.controllerPublishSecretRef',
      { name: 'csi-s3-secret', namespace: 'storage' },
    ],
    ['capacity', { capacity: Size.tebibytes(1) }, 'volume.spec.capacity.storage', '1Ti'],
    ['capacity', { capacity: Size.tebibytes(1) }, 'volume.spec.csi.volumeAttributes.capacity', '1Ti'],
    ['capacity', { capacity: Size.tebibytes(1) }, 'claim.spec.resources.requests.storage', '1Ti'],
    ['claimCapacity', { claimCapacity: Size.gibibytes(5) }, 'claim.spec.resources.requests.storage', '5Gi'],
    ['claimCapacity', { claimCapacity: Size.gibibytes(5) }, 'volume.spec.capacity.storage', '10Gi'],
    [
      'accessModes',
      { accessModes: [PersistentVolumeAccessMode.READ_ONLY_MANY] },
      'volume.spec.accessModes',
      ['ReadOnlyMany'],
    ],
    [
      'accessModes',
      { accessModes: [PersistentVolumeAccessMode.READ_ONLY_MANY] },
      'claim.spec.accessModes',
      ['ReadOnlyMany'],
    ],
    [
      'claimAccessModes',
      { claimAccessModes: [PersistentVolumeAccessMode.READ_ONLY_MANY] },
      'claim.spec.accessModes',
      ['ReadOnlyMany'],
    ],
    [
      'reclaimPolicy',
      { reclaimPolicy: PersistentVolumeReclaimPolicy.DELETE },
      'volume.spec.persistentVolumeReclaimPolicy',
      'Delete',
    ],
    ['storageClassName', { storageClassName: 'slow' }, 'volume.spec.storageClassName', 'slow'],
    ['storageClassName', { storageClassName: 'slow' }, 'claim.spec.storageClassName', 'slow'],
    ['claimStorageClassName', { claimStorageClassName: '' }, 'claim.spec.storageClassName', ''],
    ['claimStorageClassName', { claimStorageClassName: '' }, 'volume.spec.storageClassName', 'csi-s3'],
  ])('takes %s from the user: %j sets %s to %j', (_, csi, path, value) => {
    expect(volumeAndClaim({ csi })).toHaveProperty(path, value);
  });

  test('does not take an override that is undefined for one', () => {
    expect(volumeAndClaim({ csi: { driver: undefined } }).volume.spec.csi.driver).toBe('ru.yandex.s3.csi');
  });

  test.each(['bucket', 'prefix'])('has no attribute %s but that of the store', (name) => {
    const csi = { volumeAttributes: { [name]: 'another' } };
    expect(() => volumeAndClaim({ csi })).toThrow(
      `ModelStore.s3: 'csi.volumeAttributes.${name}' is 'another'; allowed: attributes other than bucket and prefix`,
    );
  });

  test('has no handle but bucket and prefix, by which the driver finds them', () => {
    expect(() => volumeAndClaim({ prefix: 'llm', csi: { volumeHandle: 'mine' } })).toThrow(
      "ModelStore.s3: 'csi.volumeHandle' is 'mine'; allowed: models/llm, from which csi-s3 takes bucket and prefix",
    );
  });

  test('is made in the phase that reads first: a download needs none', () => {
    const app = new PhasedApp();
    const pipeline = app.pipeline('qwen', { namespace: 'llm' });
    const weights = cache(pipeline.download, { store: s3(pipeline) });
    conversion(pipeline.convert, { model: weights.artifact });
    expect(ofKind(objectsOf(pipeline.download), 'PersistentVolumeClaim')).toEqual([]);
    expect(ofKind(objectsOf(pipeline.convert), 'PersistentVolume')).toHaveLength(1);
    expect(ofKind(objectsOf(pipeline.convert), 'PersistentVolumeClaim')).toHaveLength(1);
  });

  test('is made once for several readers, and once in each namespace', () => {
    const app = new PhasedApp();
    const store = s3(app);
    const [a, b] = ['a', 'b'].map((name) => app.pipeline(name, { namespace: `team-${name}` }));
    const weights = cache(a.download, { store }).artifact;
    conversion(a.convert, { model: weights }, 'first');
    conversion(a.convert, { model: weights, name: 'again' }, 'second');
    conversion(b.convert, { model: weights, name: 'other' });
    const volumes = ofKind(objectsOf(a.convert, b.convert), 'PersistentVolume');
    expect(volumes.map(({ metadata }) => metadata.name)).toEqual([
      expect.stringMatching(/^team-a-a-models-[0-9a-f]{6}$/),
      expect.stringMatching(/^team-b-b-models-[0-9a-f]{6}$/),
    ]);
  });

  test.each<[string, Partial<S3StoreProps>, Partial<S3StoreProps>]>([
    ['folders of a prefix', { bucket: 'abc', prefix: 'd/e' }, { bucket: 'abc', prefix: 'd-e' }],
    ['bucket and prefix joined', { bucket: 'abc-def' }, { bucket: 'abc', prefix: 'def' }],
    ['server', { csi: OTHER_DRIVER }, { endpoint: 'http://other.minio.svc:9000', csi: OTHER_DRIVER }],
  ])('has a name of its own where %s are others', (_, one, other) => {
    const chart = plainChart();
    for (const [index, props] of [one, other].entries()) {
      const id = `read-${index}`;
      const store = s3(new Construct(chart, `store-${index}`), props);
      conversion(
        chart,
        { model: cache(chart, { store, facts: tinyFacts() }, id).artifact, store: claim() },
        `to-${index}`,
      );
    }
    const objects = objectsOf(chart);
    for (const kind of ['PersistentVolume', 'PersistentVolumeClaim']) {
      const names = ofKind(objects, kind).flatMap(({ metadata }) =>
        /^(llm-)?models-(a|m)/.test(metadata.name ?? '') ? [metadata.name] : [],
      );
      expect(new Set(names).size).toBe(2);
      expect(names).toHaveLength(2);
    }
  });

  test('has a name of its own where namespace and pipeline only read alike', () => {
    const app = new PhasedApp();
    const store = s3(app);
    const pipelines = [app.pipeline('b-c', { namespace: 'a' }), app.pipeline('c', { namespace: 'a-b' })];
    for (const { download, convert, name } of pipelines) {
      const model = cache(download, { store, facts: tinyFacts() }).artifact;
      conversion(convert, { model, name });
    }
    const names = pipelines.flatMap(({ convert }) =>
      ofKind(objectsOf(convert), 'PersistentVolume').map(({ metadata }) => metadata.name),
    );
    expect(new Set(names).size).toBe(2);
  });
});

describe('the volume of another driver than csi-s3', () => {
  const driver = 's3.csi.aws.com';
  const place = { bucket: 'acme-models', prefix: 'llm' };
  const csi: S3CsiProps = {
    driver,
    volumeAttributes: { bucketName: 'acme-models' },
    mountOptions: ['allow-other', 'uid=65532', 'gid=65532', 'region eu-west-1', 'prefix llm/'],
  };

  test('has what is given and nothing of csi-s3: no Secret, no class, none of its attributes', () => {
    const { objects, volume, claim } = volumeAndClaim({ ...place, csi });
    expect(volume.spec).toEqual({
      capacity: { storage: '10Gi' },
      accessModes: ['ReadWriteMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: '',
      claimRef: expect.objectContaining({ name: claim.metadata.name }) as unknown,
      mountOptions: csi.mountOptions,
      csi: {
        driver,
        volumeHandle: volume.metadata.name,
        volumeAttributes: { bucketName: 'acme-models' },
      },
    });
    // Without the field, the claim would get the cluster's default class.
    expect(claim.spec.storageClassName).toBe('');
    expect(violationsOf(objects)).toBe('');
  });

  test('has a handle of its own for each volume, or the nodes would mount one of them only', () => {
    const app = new PhasedApp();
    const store = s3(app, { ...place, csi });
    const handles = ['a', 'b'].map((name) => {
      const pipeline = app.pipeline(name, { namespace: 'llm' });
      conversion(pipeline.convert, { model: cache(pipeline.download, { store }).artifact, name });
      return the(objectsOf(pipeline.convert), 'PersistentVolume').spec.csi.volumeHandle as string;
    });
    expect(new Set(handles).size).toBe(2);
  });

  test('takes what csi-s3 takes where it is given', () => {
    const given = {
      ...csi,
      mounter: 's3fs',
      options: '-o ro',
      secretName: 'keys',
      storageClassName: 'slow',
      volumeHandle: 'acme-models/llm',
    };
    const { volume } = volumeAndClaim({ ...place, csi: given });
    expect(volume.spec.storageClassName).toBe('slow');
    expect(volume.spec.csi).toEqual({
      driver,
      volumeHandle: 'acme-models/llm',
      controllerPublishSecretRef: { name: 'keys', namespace: 'kube-system' },
      nodePublishSecretRef: { name: 'keys', namespace: 'kube-system' },
      nodeStageSecretRef: { name: 'keys', namespace: 'kube-system' },
      volumeAttributes: { bucketName: 'acme-models', mounter: 's3fs', options: '-o ro' },
    });
  });

  test('may have attributes that are named bucket and prefix', () => {
    const volumeAttributes = { bucket: 'acme-models', prefix: 'llm' };
    const { volume } = volumeAndClaim({ ...place, csi: { ...OTHER_DRIVER, volumeAttributes } });
    expect(volume.spec.csi.volumeAttributes).toEqual(volumeAttributes);
  });

  test.each<[S3CsiProps, string]>([
    [
      { driver },
      "'csi.volumeAttributes.bucketName' is nothing; allowed: acme-models, the bucket of the store. It is how " +
        's3.csi.aws.com is told the bucket.',
    ],
    [{ ...csi, volumeAttributes: { bucketName: 'acme-models-eu' } }, "bucketName' is 'acme-models-eu'"],
    [{ ...csi, volumeAttributes: { bucket: 'acme-models' } }, "bucketName' is nothing"],
    [
      { ...csi, mountOptions: ['allow-other'] },
      "'csi.mountOptions' is 'no prefix'; allowed: 'prefix llm/', once. It is how s3.csi.aws.com is told the prefix " +
        "of the store, which ends in '/' there.",
    ],
    [
      { ...csi, mountOptions: ['prefix llm'] },
      "'csi.mountOptions' is 'prefix llm'; allowed: 'prefix llm/', once",
    ],
    [{ ...csi, mountOptions: ['prefix llm/', '--prefix=b/'] }, "'prefix llm/, --prefix=b/'; allowed"],
    [
      { ...csi, secretNamespace: 'storage' },
      "'csi.secretNamespace' is 'storage'; allowed: nothing without secretName",
    ],
  ])('is refused as %j', (given, message) => {
    const refused = () => volumeAndClaim({ ...place, csi: given });
    expect(refused).toThrow(/^ModelStore\.s3: /);
    expect(refused).toThrow(message);
  });
});

describe('the place that a driver of the user has to be told', () => {
  const told = (bucket: string, prefix: string, csi: Partial<S3CsiProps>) => () =>
    s3(plainChart(), { bucket, prefix, csi: { driver: 's3.example.com', ...csi } });

  test.each<[string, string, Partial<S3CsiProps>]>([
    ['abc', 'x', { volumeHandle: 'abc/x' }],
    ['abc', 'x/y', { options: '-o bucket=abc:/x/y,allow_other' }],
    ['llm', 'llm', { volumeAttributes: { bucketName: 'llm', path: 'llm/' } }],
    ['abc', '', { mountOptions: ['--bucket=abc'] }],
  ])('is bucket %s and prefix %j in %j', (bucket, prefix, csi) => {
    expect(told(bucket, prefix, csi)).not.toThrow();
  });

  test.each<[string, string, string, Partial<S3CsiProps>]>([
    ['bucket', 'abc', 'x', { volumeAttributes: { name: 'abc-d', path: 'x' } }],
    ['bucket', 'abc', '', { volumeAttributes: { name: 'my.abc' } }],
    ['prefix', 'abc', 'a', { volumeHandle: 'abc', mountOptions: ['allow-other', 'path=aa/'] }],
    ['prefix', 'llm', 'llm', { volumeAttributes: { name: 'llm' } }],
    ['prefix', 'abc', 'x/y', { volumeHandle: 'abc/x-y' }],
  ])('is not its %s, where bucket %s and prefix %j are other names in %j', (field, bucket, prefix, csi) => {
    expect(told(bucket, prefix, csi)).toThrow(
      `ModelStore.s3: 'csi' is 'driver s3.example.com that is not told the ${field}'; allowed: the ${field} ` +
        `${field === 'bucket' ? bucket : prefix} in volumeAttributes, mountOptions, options or volumeHandle. Each ` +
        "driver has its own name for it: see the driver's documents.",
    );
  });

  test.each([['prefix llm/'], ['--prefix llm/'], ['prefix=llm/'], ['--prefix=llm/ ']])(
    'may be told s3.csi.aws.com as %j',
    (option) => {
      const csi = {
        driver: 's3.csi.aws.com',
        volumeAttributes: { bucketName: 'abc' },
        mountOptions: [option],
      };
      expect(told('abc', 'llm', csi)).not.toThrow();
      expect(told('abc', '', csi)).toThrow('allowed: no prefix, as the store has none');
    },
  );
});

test.each([{ given: 'allow-other' }, { given: [''] }, { given: [5] }])(
  'the mount options $given are refused',
  ({ given }) => {
    const csi = { mountOptions: given as string[] };
    expect(() => volumeAndClaim({ csi })).toThrow("ModelStore.s3: 'csi.mountOptions' is ");
  },
);

describe('a bucket as the target of a download', () => {
  const { objects, artifact } = volumeAndClaim({
    endpoint: 'https://s3.example.com:9000/',
    bucket: 'my-models',
    prefix: 'llm',
    region: 'eu-west-1',
  });
  const download = the(objects, 'Job', /weights/);
  const fetch = container(download, 'fetch');

  test('is named to the program, with a folder for each artifact', () => {
    expect(argument(fetch, 's3-endpoint')).toEqual(['https://s3.example.com:9000']);
    expect(argument(fetch, 's3-region')).toEqual(['eu-west-1']);
    expect(argument(fetch, 'bucket')).toEqual(['my-models']);
    expect(argument(fetch, 'prefix')).toEqual([`llm/${artifact.path}`]);
    expect(argument(fetch, 'dir')).toEqual([]);
  });

  test('takes no disk', () => {
    expect(podSpec(download).volumes.map((volume: { name: string }) => volume.name)).toEqual(['programs']);
    expect(podSpec(download).affinity).toBeUndefined();
  });

  test('is opened by credentials that are named and never written', () => {
    const from = (key: string, more = {}) => ({
      name: key,
      valueFrom: { secretKeyRef: { name: 'minio-creds', key, ...more } },
    });
    expect(fetch.env).toEqual([
      from('AWS_ACCESS_KEY_ID'),
      from('AWS_SECRET_ACCESS_KEY'),
      from('AWS_SESSION_TOKEN', { optional: true }),
    ]);
    expect(download.metadata.annotations?.['cdk8s-llm/secrets']).toBe(
      'minio-creds/AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY=write to bucket my-models',
    );
    expect(ofKind(objects, 'Secret')).toEqual([]);
  });

  test('is not written to by its readers, who have no credentials', () => {
    const chart = plainChart();
    const weights = cache(chart, { store: s3(chart), facts: tinyFacts() });
    conversion(chart, { model: weights.artifact, store: claim() });
    expect(texts(the(objectsOf(chart), 'Job', /-q40-/).spec)).not.toContain('minio-creds');
  });

  test('has the region that S3 servers take when they know none', () => {
    const { objects: others } = volumeAndClaim();
    expect(argument(container(the(others, 'Job', /weights/), 'fetch'), 's3-region')).toEqual(['us-east-1']);
  });
});

describe('two stores of one bucket and prefix', () => {
  const place = { bucket: 'models', prefix: 'llm' };

  /** Two store objects, as two modules of a program may make them, each read by a conversion. */
  function readBy(...csi: (S3CsiProps | undefined)[]) {
    const chart = plainChart();
    csi.forEach((each, index) => {
      const store = s3(new Construct(chart, `store-${index}`), { ...place, csi: each });
      const model = cache(
        chart,
        { store, source: source(`org/${index}`), facts: tinyFacts() },
        `of-${index}`,
      ).artifact;
      conversion(chart, { model, store: claim() }, `to-${index}`);
    });
    return objectsOf(chart);
  }

  test('are read by one volume', () => {
    const objects = readBy(undefined, undefined);
    expect(ofKind(objects, 'PersistentVolume')).toHaveLength(1);
    const [volume] = ofKind(objects, 'PersistentVolume');
    for (const job of ofKind(objects, 'Job').filter(({ metadata }) => /-to-/.test(metadata.name ?? ''))) {
      expect(podSpec(job).volumes[0].persistentVolumeClaim.claimName).toBe(volume.spec.claimRef.name);
    }
  });

  test('may say the same of the volume in other words', () => {
    const capacity = { csi: Size.gibibytes(1), again: Size.mebibytes(1024) };
    expect(
      ofKind(readBy({ capacity: capacity.csi }, { capacity: capacity.again }), 'PersistentVolume'),
    ).toHaveLength(1);
  });

  test('are refused where they want different volumes', () => {
    expect(() => readBy({ mounter: 's3fs' }, { mounter: 'rclone' })).toThrow(
      "models/to-1: 'store' is 'a second ModelStore.s3 of models/llm'; allowed: the same csi as that of " +
        'models/to-0: one volume serves both. Use one ModelStore object for both.',
    );
  });

  test('are two where the prefix, the pipeline or the app is another', () => {
    const app = new PhasedApp();
    const other = new PhasedApp();
    const pipelines = [
      app.pipeline('a', { namespace: 'llm' }),
      app.pipeline('b', { namespace: 'llm' }),
      other.pipeline('a', { namespace: 'llm' }),
    ];
    for (const [index, pipeline] of pipelines.entries()) {
      for (const prefix of ['one', 'two']) {
        const store = s3(new Construct(pipeline, prefix), { prefix });
        const of = source(`org/${index}`);
        const model = cache(pipeline.download, { store, source: of, facts: tinyFacts() }, prefix).artifact;
        conversion(pipeline.convert, { model }, prefix);
      }
      expect(ofKind(objectsOf(pipeline.convert), 'PersistentVolume')).toHaveLength(2);
    }
  });
});

describe('two volumes of one handle', () => {
  /** Two stores, each read by a conversion of the pipeline of its place. */
  function read(one: Partial<S3StoreProps>, two: Partial<S3StoreProps>, names = ['a', 'a']) {
    const app = new PhasedApp();
    const pipelines = new Map(
      [...new Set(names)].map((name) => [name, app.pipeline(name, { namespace: name })]),
    );
    [one, two].forEach((props, index) => {
      const { download, convert } = pipelines.get(names[index])!;
      const store = s3(new Construct(download, `store-${index}`), { prefix: 'llm', ...props });
      const of = source(`org/${index}`);
      const model = cache(download, { store, source: of, facts: tinyFacts() }, `of-${index}`).artifact;
      conversion(convert, { model, store: claim({ name: `to-${index}` }) }, `to-${index}`);
    });
  }
  const elsewhere = { endpoint: 'http://other.minio.svc:9000', csi: { secretName: 'other' } };
  const mine = { ...OTHER_DRIVER, volumeHandle: 'mine' };

  test.each([
    ['in one pipeline', ['a', 'a']],
    ['in two, whose pods may meet on a node', ['a', 'b']],
  ])('are refused where they are of two servers: %s', (_, names) => {
    expect(() => read({}, elsewhere, names)).toThrow(
      `${names[1]}/convert/to-1: 'store' is 'bucket models/llm of http://other.minio.svc:9000, with the volume ` +
        "handle models/llm of ru.yandex.s3.csi'; allowed: another handle than that of a/convert/to-0 (bucket " +
        'models/llm of http://minio.minio.svc:9000), or the same bucket. A node mounts one volume for each handle: ' +
        'pods with both would never start, and others find the files of whichever was mounted first. Give one of ' +
        'them another prefix.',
    );
  });

  test('are refused where both were given it', () => {
    expect(() => read({ csi: mine }, { csi: mine, prefix: 'x' })).toThrow(
      /models\/x of .*Give one of them another csi\.volumeHandle\.$/,
    );
  });

  test('are refused where the driver is told two things of one bucket', () => {
    expect(() => read({}, { csi: { secretName: 'other' } }, ['a', 'b'])).toThrow(
      /allowed: the same csi as that of a\/convert\/to-0\. .*Use one ModelStore object for both\.$/,
    );
  });

  test('are taken where they read one bucket alike, or the servers differ in the prefix', () => {
    expect(() => read({}, { csi: { capacity: Size.gibibytes(20) } }, ['a', 'b'])).not.toThrow();
    expect(() => read({}, { ...elsewhere, prefix: 'other' })).not.toThrow();
  });
});

describe('a store that cannot be', () => {
  test.each(['minio:9000', 's3://models', 'https://s3.example.com/models', ''])(
    'has the endpoint %j',
    (endpoint) => {
      expect(() => s3(plainChart(), { endpoint })).toThrow(
        `ModelStore.s3: 'endpoint' is '${endpoint}'; allowed: 'http(s)://host[:port]' without credentials. The bucket and the credentials are fields of their own.`,
      );
    },
  );

  test('has credentials in its endpoint, which the error does not repeat', () => {
    expect(() => s3(plainChart(), { endpoint: 'https://key:geheim@s3.example.com' })).toThrow(
      /^(?!.*geheim).*'endpoint' is 'https:\/\/\*\*\*@s3\.example\.com'/,
    );
  });

  test.each(['My-Bucket', 'ab', 'bucket/prefix', '-bucket', ''])('has the bucket %j', (bucket) => {
    expect(() => s3(plainChart(), { bucket })).toThrow(`'bucket' is '${bucket}'`);
  });

  test.each(['/models', 'models/', 'a//b', 'a b', '../a'])('has the prefix %j', (prefix) => {
    expect(() => s3(plainChart(), { prefix })).toThrow(`'prefix' is '${prefix}'`);
  });
});
