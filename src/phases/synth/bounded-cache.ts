/**
 * Renderings of strings, remembered up to a number of characters and then forgotten all at once: what is
 * repeated in thousands of objects is soon back, what was seen once does not pile up.
 *
 * @internal
 */
export class BoundedCache {
  /** By variant, then by string: one joined key would copy and hash long strings at every look. */
  private readonly renderings = new Map<string, Map<string, string>>();
  private characters = 0;

  /**
   * @param limit - characters that strings and renderings may hold together
   * @param render - how a string is rendered; the variant is what else decides it, an indentation for instance
   */
  constructor(
    private readonly limit: number,
    private readonly render: (value: string, variant: string) => string,
  ) {}

  public get(value: string, variant = ''): string {
    return this.renderings.get(variant)?.get(value) ?? this.add(value, variant);
  }

  private add(value: string, variant: string): string {
    const rendering = this.render(value, variant);
    this.characters += value.length + rendering.length;
    if (this.characters > this.limit) {
      this.renderings.clear();
      this.characters = value.length + rendering.length;
    }
    let ofVariant = this.renderings.get(variant);
    if (!ofVariant) this.renderings.set(variant, (ofVariant = new Map<string, string>()));
    ofVariant.set(value, rendering);
    return rendering;
  }
}
