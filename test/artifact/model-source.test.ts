import { Secret } from 'cdk8s-plus-28';
import { ModelSource, PublishedDllamaModel, SourceProof } from '../../src';
import type { ProgramFetch } from '../../src/artifact/sources/source-spec';
import { plainChart } from '../support/objects';
import { COMMIT, OTHER_COMMIT } from '../support/models';

/** What the Job is told, as far as these tests look at it. */
function asked({ _spec }: ModelSource) {
  const fetch = _spec.fetch as ProgramFetch;
  const all = (flag: string) =>
    fetch.args.filter((arg) => arg.startsWith(`${flag}=`)).map((arg) => arg.slice(flag.length + 1));
  return {
    endpoint: fetch.endpoints[0].url,
    include: all('--include'),
    exclude: all('--exclude'),
    join: _spec.identity.join,
    secrets: fetch.secrets,
  };
}

const SHORT_IDS = 'https://huggingface.co/api/models/Qwen/Qwen3-1.7B/revision';
const LS_REMOTE = 'Resolve it with: git ls-remote https://huggingface.co/Qwen/Qwen3-1.7B';

describe('a repository on Hugging Face', () => {
  test('at a commit', () => {
    const source = ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: COMMIT });
    expect(source.repository).toBe('Qwen/Qwen3-1.7B');
    expect(source.revision).toBe(COMMIT);
    expect(source.address).toBe(`hf://Qwen/Qwen3-1.7B@${COMMIT}`);
    expect(source.proof).toBe(SourceProof.CONTENT);
    expect(asked(source)).toEqual({
      endpoint: 'https://huggingface.co',
      include: [],
      exclude: [],
      join: {},
      secrets: [],
    });
  });

  test.each(['main', 'v1.0', 'cafe', `${COMMIT}0`])(
    'the revision %j is refused with the command that resolves it',
    (revision) => {
      expect(() => ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision })).toThrow(
        `${LS_REMOTE} ${revision}`,
      );
      expect(() => ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision })).toThrow(
        'a full commit id (40 hexadecimal digits)',
      );
    },
  );

  test.each([COMMIT.slice(0, 7), COMMIT.slice(0, 39), COMMIT.slice(0, 12).toUpperCase()])(
    'the shortened commit id %s is refused with the command that finds the whole one',
    (revision) => {
      expect(() => ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision })).toThrow(
        `'revision' is '${revision}'; allowed: a full commit id (40 hexadecimal digits), because a branch or tag ` +
          `can move under a running model. Take the "sha" of what this prints: curl -s ${SHORT_IDS}/${revision}`,
      );
    },
  );

  test('a commit id in upper case is the same commit', () => {
    const source = ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: COMMIT.toUpperCase() });
    expect(source.revision).toBe(COMMIT);
    expect(source._spec.identity.revision).toBe(COMMIT);
    expect(source.address).toBe(`hf://Qwen/Qwen3-1.7B@${COMMIT}`);
  });

  test('no revision is refused with the command that resolves the default branch', () => {
    expect(() => ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: '' })).toThrow(`${LS_REMOTE} main`);
    expect(() => ModelSource.huggingFace('Qwen/Qwen3-1.7B', {} as never)).toThrow("'revision' is nothing");
  });

  test('the command asks the mirror that is used', () => {
    expect(() =>
      ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: 'main', endpoint: 'https://hub.example.com/' }),
    ).toThrow('git ls-remote https://hub.example.com/Qwen/Qwen3-1.7B main');
  });

  test.each(['Qwen3-1.7B', 'a/b/c', 'Qwen/', '/Qwen3', 'Qwen/Qwen 3', '../Qwen', 'Qwen/..', ''])(
    '%j is no name of a repository',
    (repo) => {
      expect(() => ModelSource.huggingFace(repo, { revision: COMMIT })).toThrow(
        `'repo' is '${repo}'; allowed: 'organization/name'`,
      );
    },
  );

  test('with patterns of files', () => {
    const given = asked(
      ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
        revision: COMMIT,
        include: ['*.safetensors', '*.json'],
        exclude: ['original/'],
      }),
    );
    expect(given.include).toEqual(['*.safetensors', '*.json']);
    expect(given.exclude).toEqual(['original/']);
  });

  test.each(['include', 'exclude'])('an empty pattern in %s is refused', (field) => {
    expect(() => ModelSource.huggingFace('a/b', { revision: COMMIT, [field]: ['*.json', ' '] })).toThrow(
      `'${field}' is ' '; allowed: glob patterns`,
    );
  });

  test('with files that are joined', () => {
    const join = { 'model.bin': ['parts/aa', 'parts/ab'] };
    expect(asked(ModelSource.huggingFace('a/b', { revision: COMMIT, join })).join).toEqual(join);
  });

  test.each([
    [{ 'model.bin': [] }],
    [{ 'model.bin': ['../secret'] }],
    [{ 'model.bin': ['/etc/passwd'] }],
    [{ 'model.bin': ['a,b'] }],
    [{ '../model.bin': ['aa'] }],
    [{ 'a=b': ['aa'] }],
  ] as Record<string, string[]>[][])('joining %j is refused', (join) => {
    expect(() => ModelSource.huggingFace('a/b', { revision: COMMIT, join })).toThrow(
      'allowed: a list of paths of files of the repository',
    );
  });

  test('from a mirror, with or without a slash at its end', () => {
    const endpoint = (given: string) =>
      asked(ModelSource.huggingFace('a/b', { revision: COMMIT, endpoint: given })).endpoint;
    expect(endpoint('http://hub.internal:8080/')).toBe('http://hub.internal:8080');
    expect(endpoint('https://hub.internal/hf')).toBe('https://hub.internal/hf');
  });

  test.each(['hub.internal', 'ftp://hub.internal', 's3://bucket', ''])('%j is no endpoint', (endpoint) => {
    expect(() => ModelSource.huggingFace('a/b', { revision: COMMIT, endpoint })).toThrow(
      "'endpoint' is '" + endpoint,
    );
  });

  test('an endpoint with credentials is refused, and the error does not repeat them', () => {
    expect(() =>
      ModelSource.huggingFace('a/b', { revision: COMMIT, endpoint: 'https://me:geheim@hub.internal' }),
    ).toThrow(/^(?!.*geheim).*'endpoint' is 'https:\/\/\*\*\*@hub\.internal'.*without credentials/);
    expect(() => ModelSource.parse(`https://me:geheim@hub.internal/a/b/tree/${COMMIT}`)).toThrow(
      /^(?!.*geheim).*without credentials/,
    );
  });

  test('that is a dataset has an address and a key of its own', () => {
    const data = ModelSource.huggingFace('org/name', { revision: COMMIT, dataset: true });
    expect(data.address).toBe(`hf://datasets/org/name@${COMMIT}`);
    expect((data._spec.fetch as ProgramFetch).args).toContain('--repo-type=dataset');
    expect(data._spec.name).toBe('datasets--org--name');
    expect(data._spec.identity).not.toEqual(
      ModelSource.huggingFace('org/name', { revision: COMMIT })._spec.identity,
    );
    expect(() => ModelSource.huggingFace('org/name', { revision: 'main', dataset: true })).toThrow(
      'git ls-remote https://huggingface.co/datasets/org/name main',
    );
    for (const address of [data.address, `https://huggingface.co/datasets/org/name/tree/${COMMIT}`]) {
      expect(ModelSource.parse(address)._spec).toEqual({
        ...data._spec,
        fetch: ModelSource.parse(address)._spec.fetch,
      });
      expect(ModelSource.parse(address).address).toBe(data.address);
    }
  });

  test('with a token, by reference', () => {
    const secret = Secret.fromSecretName(plainChart(), 'token', 'hf-token');
    expect(asked(ModelSource.huggingFace('a/b', { revision: COMMIT, tokenSecret: secret })).secrets).toEqual([
      {
        env: 'HF_TOKEN',
        secret: 'hf-token',
        key: 'token',
        purpose: 'access token for https://huggingface.co/a/b',
      },
    ]);
  });
});

describe('an address', () => {
  test.each([
    [`hf://Qwen/Qwen3-1.7B@${COMMIT}`],
    [`https://huggingface.co/Qwen/Qwen3-1.7B/tree/${COMMIT}`],
    [`https://huggingface.co/Qwen/Qwen3-1.7B/tree/${COMMIT}/`],
    [`https://huggingface.co/Qwen/Qwen3-1.7B/commit/${COMMIT}`],
  ])('%s holds its commit', (address) => {
    const source = ModelSource.parse(address);
    expect(source.address).toBe(`hf://Qwen/Qwen3-1.7B@${COMMIT}`);
    expect(asked(source).endpoint).toBe('https://huggingface.co');
  });

  test.each([
    'hf://Qwen/Qwen3-1.7B',
    'https://huggingface.co/Qwen/Qwen3-1.7B',
    'https://huggingface.co/Qwen/Qwen3-1.7B/',
    'https://huggingface.co/Qwen/Qwen3-1.7B/tree/main',
    'hf://Qwen/Qwen3-1.7B@v1.0',
    `hf://Qwen/Qwen3-1.7B@${COMMIT.slice(0, 7)}`,
    `hf://Qwen/Qwen3-1.7B@${COMMIT.toUpperCase()}`,
  ])('%s takes the commit from the option', (address) => {
    expect(ModelSource.parse(address, { revision: COMMIT }).address).toBe(`hf://Qwen/Qwen3-1.7B@${COMMIT}`);
  });

  test('and option may name the same commit', () => {
    const source = ModelSource.parse(`hf://Qwen/Qwen3-1.7B@${COMMIT}`, { revision: COMMIT });
    expect(source.revision).toBe(COMMIT);
  });

  test('and option that name different commits are refused', () => {
    expect(() => ModelSource.parse(`hf://Qwen/Qwen3-1.7B@${COMMIT}`, { revision: OTHER_COMMIT })).toThrow(
      `'revision' is '${OTHER_COMMIT}'; allowed: the '${COMMIT}' that is in the address`,
    );
    const short = OTHER_COMMIT.slice(0, 7);
    expect(() => ModelSource.parse(`hf://Qwen/Qwen3-1.7B@${short}`, { revision: COMMIT })).toThrow(
      `'revision' is '${COMMIT}'; allowed: the '${short}' that is in the address`,
    );
  });

  test('with a branch is refused beside an option that is none either', () => {
    expect(() => ModelSource.parse('hf://Qwen/Qwen3-1.7B@main', { revision: 'v2' })).toThrow(
      `${LS_REMOTE} v2`,
    );
  });

  test.each(['hf://Qwen/Qwen3-1.7B', 'https://huggingface.co/Qwen/Qwen3-1.7B'])(
    '%s without any commit is refused with the command that resolves it',
    (address) => {
      expect(() => ModelSource.parse(address)).toThrow(`${LS_REMOTE} main`);
    },
  );

  test.each([
    ['hf://Qwen/Qwen3-1.7B@main', 'main'],
    ['https://huggingface.co/Qwen/Qwen3-1.7B/tree/v2', 'v2'],
  ])('%s with a branch or a tag is refused', (address, ref) => {
    expect(() => ModelSource.parse(address)).toThrow(`${LS_REMOTE} ${ref}`);
  });

  test('of a mirror is fetched from the mirror', () => {
    const given = asked(ModelSource.parse(`https://hub.example.com/Qwen/Qwen3-1.7B/tree/${COMMIT}`));
    expect(given.endpoint).toBe('https://hub.example.com');
  });

  test('of a mirror is fetched from the endpoint that the option names', () => {
    const address = `https://huggingface.co/Qwen/Qwen3-1.7B/tree/${COMMIT}`;
    expect(asked(ModelSource.parse(address, { endpoint: 'http://cache:80' })).endpoint).toBe(
      'http://cache:80',
    );
    expect(
      asked(ModelSource.parse(address.replace('huggingface.co', 'hub.example.com'), { endpoint: undefined }))
        .endpoint,
    ).toBe('https://hub.example.com');
  });

  test('takes the other options too', () => {
    const given = asked(
      ModelSource.parse(`hf://a/b@${COMMIT}`, { include: ['*.json'], exclude: ['x.json'] }),
    );
    expect([given.include, given.exclude]).toEqual([['*.json'], ['x.json']]);
  });

  test.each([
    'ftp://huggingface.co/a/b',
    'Qwen/Qwen3-1.7B',
    'https://huggingface.co/Qwen',
    `https://huggingface.co/Qwen/Qwen3-1.7B/resolve/${COMMIT}/config.json`,
    'hf://',
    '',
  ])('%j is refused with the forms that are known', (address) => {
    expect(() => ModelSource.parse(address, { revision: COMMIT })).toThrow(
      `'address' is '${address}'; allowed: 'hf://[datasets/]org/name@<commit>', ` +
        "'https://huggingface.co/[datasets/]org/name[/tree/<commit>]', 's3://bucket/prefix', 'gs://bucket/prefix', ",
    );
  });

  test('is refused without what its query says', () => {
    expect(() => ModelSource.parse('https://huggingface.co/Qwen/Qwen3-1.7B?token=geheim')).toThrow(
      "'address' is 'https://huggingface.co/Qwen/Qwen3-1.7B?token=***'; allowed: 'hf://",
    );
  });
});

describe('a repository that distributed-llama can read as it is', () => {
  test('gives the model and the tokenizer alone', () => {
    const published = PublishedDllamaModel.QWEN3_1_7B_Q40;
    const given = asked(ModelSource.huggingFace(published.repository, { revision: COMMIT }));
    expect(given.include).toEqual([published.modelFile, published.tokenizerFile]);
    expect(given.join).toEqual({});
  });

  test('gives its parts, joined in order', () => {
    const published = PublishedDllamaModel.QWEN3_14B_Q40;
    const given = asked(ModelSource.huggingFace(published.repository, { revision: COMMIT }));
    expect(published.parts.length).toBe(2);
    expect(given.include).toEqual([...published.parts, published.tokenizerFile]);
    expect(given.join).toEqual({ [published.modelFile]: published.parts });
  });

  test('obeys the user who wants other files', () => {
    const { repository } = PublishedDllamaModel.QWEN3_14B_Q40;
    const given = asked(
      ModelSource.huggingFace(repository, { revision: COMMIT, include: ['*.md'], join: {} }),
    );
    expect([given.include, given.join]).toEqual([['*.md'], {}]);
  });
});
