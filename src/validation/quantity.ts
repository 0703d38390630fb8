const FACTORS: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A quantity that the schema has accepted, as a number: `500m` is 0.5, `1Ki` is 1024. @internal */
export function quantity(text: string | number): number {
  if (typeof text === 'number') return text;
  const suffix = /(?:[KMGTPE]i|[numkMGTPE])$/.exec(text)?.[0] ?? '';
  return Number(text.slice(0, text.length - suffix.length)) * (FACTORS[suffix] ?? 1);
}
