/** A map of bounded size; what was not used for the longest time leaves first. */
export class LruCache<K, V> {
  private readonly entries = new Map<K, V>();
  private readonly limit: number;
  private youngest: K | undefined;
  private readonly onEvict: (value: V) => void;

  constructor(limit: number, onEvict: (value: V) => void = () => undefined) {
    this.limit = limit;
    this.onEvict = onEvict;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key);
    if (value === undefined || key === this.youngest) return value;
    // Maps remember the order of insertion: inserting anew makes the entry the youngest.
    this.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    this.youngest = key;
    for (const [oldest, old] of this.entries) {
      if (this.entries.size <= this.limit) break;
      this.entries.delete(oldest);
      this.onEvict(old);
    }
  }

  /** Takes an entry out, as if it had become too old. */
  delete(key: K): void {
    const value = this.entries.get(key);
    if (value === undefined) return;
    this.entries.delete(key);
    if (key === this.youngest) this.youngest = undefined;
    this.onEvict(value);
  }

  /** The values, oldest first. */
  list(): V[] {
    return [...this.entries.values()];
  }

  clear(): void {
    for (const value of this.entries.values()) this.onEvict(value);
    this.entries.clear();
    this.youngest = undefined;
  }
}
