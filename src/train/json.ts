/** What JSON can hold. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** JSON text in which NaN and the infinities survive; `JSON.stringify` would make null of them. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'number' && !Number.isFinite(each) ? { $number: String(each) } : each,
  );
}

/** What {@link toJson} has written. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_, each: unknown) =>
    typeof each === 'object' && each !== null && '$number' in each ? Number(each.$number) : each,
  );
}
