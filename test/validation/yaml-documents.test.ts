import { readDocuments, segmentsOf } from '../../src/validation/yaml-documents';

const text = `# a comment
---
apiVersion: v1
kind: Service
metadata: { name: a, annotations: {"a.b/c": x} }
spec:
  ports:
    - name: http
      port: 80
    - port: 81
---
---
kind: List
`;

test.each([
  ['apiVersion', 3, 1, 11],
  ['metadata.name', 5, 13, 17],
  ['metadata.annotations["a.b/c"]', 5, 36, 43],
  ['spec.ports[0].port', 9, 7, 11],
  ['spec.ports[1]', 10, 7, 7],
  ['spec.ports[1].name', 10, 7, 7],
  ['spec.selector', 6, 1, 5],
  ['status', 3, 1, 1],
  ['', 3, 1, 1],
])('%s is found, or what is around it', (field, line, column, endColumn) => {
  const [document] = readDocuments(text).documents;
  expect(document.positionOf(segmentsOf(field))).toEqual({ line, column, endColumn });
});

test('empty documents are left out', () => {
  expect(readDocuments(text).documents.map(({ value }) => (value as { kind: string }).kind)).toEqual([
    'Service',
    'List',
  ]);
  expect(readDocuments('').documents).toEqual([]);
});

test('it is read as Kubernetes reads it', () => {
  const values = readDocuments(
    ['date: 2024-01-01', 'time: 12:30', 'mode: 0755', 'is: yes', 'a: &x {b: 1}', 'c: {<<: *x, d: 2}'].join(
      '\n',
    ),
  ).documents[0].value;
  expect(values).toEqual({
    date: '2024-01-01',
    time: '12:30',
    mode: 0o755,
    is: true,
    a: { b: 1 },
    c: { b: 1, d: 2 },
  });
});

test.each([
  ['a: 1\na: 2\n', 2, 'unique'],
  ['a: [1\nb: 2\n', 2, 'Flow'],
  ['a: *nothing\n', 1, 'nothing'],
  ['a:\n  - {{ .Values.b }}\n', 2, 'only text'],
])('%j is refused with its place', (broken, line, message) => {
  const { errors, documents } = readDocuments(broken);
  expect(documents).toEqual([]);
  expect(errors[0].position.line).toBe(line);
  expect(errors.map((error) => error.message).join()).toContain(message);
});

test('a few lines that would fill the memory are refused', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  const { errors, documents } = readDocuments(lines.join('\n'));
  expect(documents).toEqual([]);
  expect(errors.map(({ message }) => message).join()).toMatch(/alias/i);
});

test('what is written behind a broken document is still read', () => {
  const { errors, documents } = readDocuments('a: 1\na: 2\n---\nb: 1\n');
  expect(errors).toHaveLength(1);
  expect(documents.map(({ value }) => value)).toEqual([{ b: 1 }]);
});

test.each([
  [
    'spec.containers[0].resources.limits["nvidia.com/gpu"]',
    ['spec', 'containers', 0, 'resources', 'limits', 'nvidia.com/gpu'],
  ],
  ['data["a \\"b\\""].c', ['data', 'a \\"b\\"', 'c']],
  ['spec.x (of two)', ['spec', 'x (of two)']],
])('%s is taken apart', (field, segments) => {
  expect(segmentsOf(field)).toEqual(segments);
});
